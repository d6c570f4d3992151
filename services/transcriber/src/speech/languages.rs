//! Which language is spoken: what the model thinks of one window, and what that means for a recording.

use escriba_domain::Language;

use super::{logits, vocabulary::Vocabulary};

/// Below this probability a detection decides nothing by itself: short or noisy windows name languages at random.
const LEAST_CONFIDENCE: f32 = 0.5;

/// What it takes to believe that a recording has changed its language: related languages pass for each other at 0.6,
/// while a sentence in another one is told with 0.99.
const CHANGE_CONFIDENCE: f32 = 0.8;

/// So many windows of text settle a recording's language even if none was sure of it.
const ENOUGH_WINDOWS: usize = 3;

/// A window's language.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detected {
    pub language: Language,
    /// Among the languages allowed, 0 to 1.
    pub probability: f32,
}

impl Detected {
    pub fn is_sure(self) -> bool {
        self.probability >= LEAST_CONFIDENCE
    }

    /// What is spoken in a window after `last`, as far as this detection can be believed.
    pub(super) fn after(self, last: Option<Language>) -> Language {
        last.filter(|_| self.probability < CHANGE_CONFIDENCE).unwrap_or(self.language)
    }
}

/// The likeliest of `allowed` by the scores right after the opening; empty allows all that the model knows.
pub(super) fn detect(logits: &[f32], words: &Vocabulary, allowed: &[Language]) -> Detected {
    let all: Vec<(Language, f32)> = if allowed.is_empty() {
        Language::all().filter_map(|language| Some((language, logits[words.language_token(language)?]))).collect()
    } else {
        let scored = |&language: &Language| Some((language, logits[words.language_token(language)?]));
        allowed.iter().filter_map(scored).collect()
    };
    let scores: Vec<f32> = all.iter().map(|(_, score)| *score).collect();
    match all.get(logits::most_likely(&scores)) {
        Some(&(language, score)) => Detected { language, probability: logits::probability(score, &scores) },
        // Only languages that this model does not know: it knows English at least.
        None => Detected { language: allowed.first().copied().unwrap_or(Language::ENGLISH), probability: 0.0 },
    }
}

/// Settles the one language of a recording, window by window.
#[derive(Debug, Clone)]
pub(super) struct Poll {
    settled: Option<Language>,
    votes: Vec<Detected>,
}

impl Poll {
    pub(super) fn new(settled: Option<Language>) -> Self {
        Self { settled, votes: Vec::new() }
    }

    pub(super) fn settled(&self) -> Option<Language> {
        self.settled
    }

    /// A window with text spoke this language.
    pub(super) fn hear(&mut self, detected: Detected) {
        if self.settled.is_some() {
            return;
        }
        self.votes.push(detected);
        if detected.is_sure() {
            self.settled = Some(detected.language);
        } else if self.votes.len() >= ENOUGH_WINDOWS {
            self.settled = self.leading();
        }
    }

    /// The settled language, or the best guess so far.
    pub(super) fn leading(&self) -> Option<Language> {
        let total = |of: Language| -> f32 {
            self.votes.iter().filter(|vote| vote.language == of).map(|vote| vote.probability).sum()
        };
        let best = || self.votes.iter().max_by(|a, b| total(a.language).total_cmp(&total(b.language)));
        self.settled.or_else(|| best().map(|vote| vote.language))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(code: &str, probability: f32) -> Detected {
        Detected { language: code.parse().unwrap(), probability }
    }

    #[test]
    fn a_change_of_language_takes_more_than_a_first_guess() {
        let spanish = Some("es".parse().unwrap());
        assert_eq!(heard("pt", 0.63).after(spanish).code(), "es");
        assert_eq!(heard("de", 0.99).after(spanish).code(), "de");
        assert_eq!(heard("pt", 0.4).after(None).code(), "pt");
    }

    #[test]
    fn one_sure_window_settles_the_language_and_unsure_ones_only_together() {
        let mut poll = Poll::new(None);
        poll.hear(heard("cy", 0.3));
        assert_eq!(poll.settled(), None);
        assert_eq!(poll.leading().map(Language::code), Some("cy"));
        poll.hear(heard("en", 0.9));
        poll.hear(heard("de", 0.99));
        assert_eq!(poll.settled(), Some(Language::ENGLISH));

        let mut poll = Poll::new(None);
        for (code, probability) in [("cy", 0.4), ("en", 0.3), ("en", 0.2)] {
            poll.hear(heard(code, probability));
        }
        assert_eq!(poll.settled(), Some(Language::ENGLISH));
    }
}
