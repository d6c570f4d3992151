//! Whether a text is worth keeping: loops, guesses, texts that stop before the speech does, and texts where nobody
//! speaks. It judges and counts nothing; the thresholds are OpenAI's where they had one.

use std::io::Write;

use flate2::{Compression, write::ZlibEncoder};

use super::{
    decoding::{Ended, Hypothesis},
    windower::Window,
};

/// Text that packs better than this repeats itself (`compression_ratio_threshold`).
const MOST_COMPRESSION: f32 = 2.4;

/// A text with a lower mean log probability is a guess (`logprob_threshold`).
const LEAST_LOGPROB: f32 = -1.0;

/// Above this probability of silence, a guess is no text at all (`no_speech_threshold`).
const LIKELY_SILENCE: f32 = 0.6;

/// Above this probability of silence, a brief window is believed to be a noise. Measured with base: speech 0.00 to 0.05
/// even in strong noise, bursts of noise 0.9.
const SURE_SILENCE: f32 = 0.8;

/// Voice detection mistakes noises no longer than this for speech, the padding around them included.
const BRIEF_MS: u64 = 2_000;

/// So much speech after the end of the text was not heard by the model.
const MOST_UNHEARD_MS: u64 = 1_200;

/// What is wrong with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// It repeats itself.
    Loop,
    /// The model does not believe in it itself.
    Guess,
    /// Speech goes on after its end.
    StopsEarly,
}

/// The worst flaw of a text, if it has one.
pub(super) fn flaw(text: &str, hypothesis: &Hypothesis, window: &Window) -> Option<Flaw> {
    if hypothesis.ended != Ended::ByItself || compression(text) > MOST_COMPRESSION {
        Some(Flaw::Loop)
    } else if hypothesis.avg_logprob < LEAST_LOGPROB {
        Some(Flaw::Guess)
    } else {
        let end_ms = window.start_ms + hypothesis.end_ms;
        (window.speech_after(end_ms) > MOST_UNHEARD_MS).then_some(Flaw::StopsEarly)
    }
}

/// Whether nobody spoke, by the model's own account: it takes the window for silence and does not believe the text, of
/// which this is the mean log probability. It believes in times more than in words, so what holds of a text does not
/// hold of each segment.
pub(super) fn is_silence(avg_logprob: f32, no_speech_prob: f32) -> bool {
    no_speech_prob > LIKELY_SILENCE && avg_logprob < LEAST_LOGPROB
}

/// Whether a window of this length is a noise that passed for speech, whatever the model makes of it.
pub(super) fn is_noise(window: &Window, no_speech_prob: f32) -> bool {
    window.end_ms - window.start_ms < BRIEF_MS && no_speech_prob > SURE_SILENCE
}

/// How many times its packed size a text is long.
fn compression(text: &str) -> f32 {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let packed = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    #[allow(clippy::cast_precision_loss, reason = "texts of a window are short")]
    packed.map_or(0.0, |packed| text.len() as f32 / packed.len() as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::windower::Span;

    fn window() -> Window {
        let speech = vec![Span { start_ms: 10_300, end_ms: 14_000 }, Span { start_ms: 15_000, end_ms: 19_000 }];
        Window { start_ms: 10_000, end_ms: 19_300, samples: Vec::new(), speech }
    }

    fn hypothesis(avg_logprob: f32, end_ms: u64) -> Hypothesis {
        Hypothesis { steps: Vec::new(), avg_logprob, ended: Ended::ByItself, end_ms, temperature: 0.0 }
    }

    #[test]
    fn loops_guesses_and_early_ends_are_told_apart() {
        let sound = "Printing, in the only sense with which we are at present concerned, differs from most.";
        assert_eq!(flaw(sound, &hypothesis(-0.2, 9_000), &window()), None);
        assert_eq!(flaw(&"and so on ".repeat(20), &hypothesis(-0.1, 9_000), &window()), Some(Flaw::Loop));
        let looped = Hypothesis { ended: Ended::InALoop, ..hypothesis(-0.1, 9_000) };
        assert_eq!(flaw(sound, &looped, &window()), Some(Flaw::Loop));
        assert_eq!(flaw(sound, &hypothesis(-1.3, 9_000), &window()), Some(Flaw::Guess));
        assert_eq!(flaw(sound, &hypothesis(-0.2, 4_500), &window()), Some(Flaw::StopsEarly));
        assert_eq!(flaw(sound, &hypothesis(-0.2, 8_000), &window()), None, "one second unheard is the model's slack");
    }

    #[test]
    fn silence_takes_both_signs_and_noise_is_brief() {
        assert!(is_silence(-1.2, 0.9));
        assert!(!is_silence(-0.3, 0.9));
        assert!(!is_silence(-1.2, 0.1));
        let brief = Window { end_ms: 10_576, ..window() };
        assert!(is_noise(&brief, 0.9));
        assert!(!is_noise(&brief, 0.5));
        assert!(!is_noise(&window(), 0.9));
    }
}
