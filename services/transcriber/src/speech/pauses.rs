//! Where a window is silent, finely enough to place words: attention follows the sound of words and takes a pause for
//! the start of the next one. It looks at loudness alone and knows nothing of words.

use crate::media::SAMPLE_RATE;

/// Loudness is measured over so many samples (10 ms).
const STEP: usize = SAMPLE_RATE as usize / 100;
const STEP_MS: u64 = 10;

/// A step is silent below this share of the window's loud parts (-26 dB)…
const SILENT: f32 = 0.05;

/// …which are told by this percentile of its steps.
const LOUD_PERCENTILE: usize = 90;

/// Stops within words are silent for less.
const SHORTEST_PAUSE: usize = 8;

/// The pauses of a window.
pub(super) struct Pauses {
    /// From the window's start, in milliseconds.
    spans: Vec<(u64, u64)>,
}

impl Pauses {
    /// Looks for pauses in 16 kHz samples.
    pub(super) fn of(samples: &[f32]) -> Self {
        let loudness: Vec<f32> = samples.chunks(STEP).map(root_mean_square).collect();
        let mut sorted = loudness.clone();
        sorted.sort_by(f32::total_cmp);
        let loud = sorted.get(sorted.len() * LOUD_PERCENTILE / 100).copied().unwrap_or(0.0);
        let mut spans = Vec::new();
        let mut from = 0;
        for silent in loudness.chunk_by(|a, b| (*a < loud * SILENT) == (*b < loud * SILENT)) {
            let to = from + silent.len();
            if silent[0] < loud * SILENT && silent.len() >= SHORTEST_PAUSE {
                spans.push((from as u64 * STEP_MS, to as u64 * STEP_MS));
            }
            from = to;
        }
        Self { spans }
    }

    /// The longest pause that lies in a span or reaches into it, cut to the span.
    pub(super) fn longest_within(&self, start_ms: u64, end_ms: u64) -> Option<(u64, u64)> {
        let within = self.spans.iter().map(|&(start, end)| (start.max(start_ms), end.min(end_ms)));
        within.filter(|(start, end)| end > start).max_by_key(|(start, end)| end - start)
    }
}

#[allow(clippy::cast_precision_loss, reason = "a step is short")]
fn root_mean_square(samples: &[f32]) -> f32 {
    (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len().max(1) as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_found_between_sounds_and_stops_are_not() {
        let sound = |ms: usize| vec![0.3; ms * 16];
        let silence = |ms: usize| vec![0.001; ms * 16];
        let samples = [silence(200), sound(500), silence(40), sound(300), silence(160), sound(400)].concat();
        let pauses = Pauses::of(&samples);
        assert_eq!(pauses.spans, [(0, 200), (1_040, 1_200)]);
        assert_eq!(pauses.longest_within(100, 1_100), Some((100, 200)));
        assert_eq!(pauses.longest_within(300, 1_000), None);
        assert!(Pauses::of(&[]).spans.is_empty());
    }
}
