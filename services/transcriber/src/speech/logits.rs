//! From the model's raw scores to the tokens that may come next. Pure arithmetic; the rules are those of OpenAI's
//! `decoding.py`, which the models were made to be used with.

use super::vocabulary::Vocabulary;

/// A text begins within the window's first second (OpenAI's `max_initial_timestamp`).
const LATEST_START_MS: u64 = 1_000;

const NEVER: f32 = f32::NEG_INFINITY;

/// How many of a text's tokens are spent on what, as far as the next one depends on it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Position {
    pub(super) is_first: bool,
    /// The last token is a time.
    pub(super) after_time: bool,
    /// So is the one before it, or there is none.
    pub(super) after_two_times: bool,
    /// The latest time so far.
    pub(super) latest: Option<usize>,
}

/// Takes away from `logits` what may not come next. `last_time` is the token of the window's end.
pub(super) fn allow(logits: &mut [f32], words: &Vocabulary, position: Position, last_time: usize) {
    // Everything between the end of the text and the first time is a mark that only a prompt may hold.
    logits[words.end + 1..words.times].fill(NEVER);
    if let Some(beyond) = logits.get_mut(last_time + 1..) {
        beyond.fill(NEVER);
    }
    if position.is_first {
        logits[..words.times].fill(NEVER);
        let latest = words.time_token(LATEST_START_MS).min(last_time);
        logits[latest + 1..].fill(NEVER);
        return;
    }
    if position.after_time {
        if position.after_two_times {
            logits[words.times..].fill(NEVER);
            if let Some(blank) = words.blank {
                logits[blank] = NEVER;
            }
        } else {
            logits[..words.end].fill(NEVER);
        }
    }
    if let Some(latest) = position.latest {
        // A segment may start where the last one ended, and may not be empty.
        let next = if position.after_time && !position.after_two_times { latest } else { latest + 1 };
        let end = next.min(logits.len());
        logits[words.times..end].fill(NEVER);
    }
    let (text, times) = logits.split_at(words.times);
    let best_text = text.iter().copied().fold(NEVER, f32::max);
    // Times share out what one moment would get: together they may outweigh every word.
    if log_sum_exp(times) > best_text {
        logits[..words.times].fill(NEVER);
    }
}

/// The index of the largest.
pub(super) fn most_likely(logits: &[f32]) -> usize {
    logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(index, _)| index)
}

/// An index drawn by its probability at this temperature; `draw` is uniform between 0 and 1.
pub(super) fn sample(logits: &[f32], temperature: f32, draw: f32) -> usize {
    let most = logits.iter().copied().fold(NEVER, f32::max);
    let weight = |logit: f32| ((logit - most) / temperature).exp();
    let mut left = draw * logits.iter().map(|&logit| weight(logit)).sum::<f32>();
    for (index, &logit) in logits.iter().enumerate() {
        left -= weight(logit);
        if left < 0.0 {
            return index;
        }
    }
    most_likely(logits)
}

/// The logarithm of the sum of the exponentials.
pub(super) fn log_sum_exp(logits: &[f32]) -> f32 {
    let most = logits.iter().copied().fold(NEVER, f32::max);
    if most == NEVER {
        return NEVER;
    }
    // What is this far below adds nothing that an f32 could show.
    let nearly_none = most - 25.0;
    let near = logits.iter().filter(|&&logit| logit > nearly_none);
    most + near.map(|&logit| (logit - most).exp()).sum::<f32>().ln()
}

/// The probability of what has this logit among all `logits`.
pub(super) fn probability(logit: f32, logits: &[f32]) -> f32 {
    (logit - log_sum_exp(logits)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_shares_of_the_whole() {
        assert!((probability(1.0, &[1.0, 1.0, 1.0, 1.0]) - 0.25).abs() < 1e-6);
        assert!((probability(90.0, &[90.0, -90.0]) - 1.0).abs() < 1e-6);
        assert!(probability(NEVER, &[1.0, NEVER]).abs() < 1e-6);
    }

    #[test]
    fn a_draw_falls_where_the_probability_lies() {
        let logits = [0.0, 0.0, NEVER, 0.0];
        let drawn = |draw| sample(&logits, 1.0, draw);
        assert_eq!([drawn(0.1), drawn(0.5), drawn(0.9)], [0, 1, 3]);
        assert_eq!(sample(&[1.0, 5.0, 1.0], 0.01, 0.999), 1, "a low temperature leaves only the likeliest");
    }
}
