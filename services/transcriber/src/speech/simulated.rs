//! An engine without a model, for tests of everything around the engine: recognition takes a stated time, and what is
//! "heard" depends on the window's samples alone, so that any two runs over the same recording must agree. It is
//! compiled only with the feature `simulated`, and must never find its way into the transcriber that people run.

use std::{
    process, thread,
    time::{Duration, Instant},
};

use clap::Args;
use escriba_domain::{Decoding, Language, ModelName, Statistics, Word};

use super::{
    engine::{Engine, EngineError, Task},
    languages::Detected,
    models::Models,
    recognizer::{RecognizeError, RecognizeOptions, Recognized, RecognizedSegment},
    windower::{Span, Window},
};
use crate::media::SAMPLE_RATE;

/// How long a pretended word takes to say.
const WORD_MS: u64 = 400;
/// A canceled window is given up after so long at the most.
const LOOK_UP: Duration = Duration::from_millis(5);
/// From here on a sample counts as clipped.
const CLIPPED: f32 = 0.999;
const SYLLABLES: [&str; 16] =
    ["ba", "co", "da", "fe", "gi", "ho", "ju", "ka", "li", "mo", "nu", "pe", "ra", "so", "ti", "vu"];

/// How to pretend.
#[derive(Debug, Clone, Copy, Args)]
pub struct Simulation {
    /// Milliseconds of recording that are recognised in a millisecond; 0 takes no time.
    #[arg(long = "simulated-speed", env = "SIMULATED_SPEED", default_value_t = 0)]
    pub speed: u32,

    /// A window of which more than so many of a hundred samples are clipped kills the process, as a recording that
    /// makes the engine crash would. Left out: none does.
    #[arg(long = "simulated-poison", env = "SIMULATED_POISON")]
    pub poison: Option<u8>,
}

/// A pretended model of each name.
pub fn models(names: &[ModelName], simulation: Simulation, slots: usize) -> Result<Models, EngineError> {
    let engines = names.iter().map(|name| {
        let engine = Engine::of_slots(slots, slots, || Ok(Box::new(move |task: &Task, _| simulation.hear(task))))?;
        Ok((name.clone(), engine))
    });
    Ok(Models::of_engines(engines.collect::<Result<Vec<_>, EngineError>>()?))
}

impl Simulation {
    fn hear(self, task: &Task) -> Result<Recognized, RecognizeError> {
        let Task { window, options, .. } = task;
        if self.poison.is_some_and(|percent| is_poison(window, percent)) {
            process::abort();
        }
        let time = (window.end_ms - window.start_ms).checked_div(u64::from(self.speed)).unwrap_or(0);
        let end = Instant::now() + Duration::from_millis(time);
        while !task.is_canceled() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(recognized(window, options));
            }
            thread::sleep(left.min(LOOK_UP));
        }
        Err(RecognizeError::Canceled)
    }
}

fn is_poison(window: &Window, percent: u8) -> bool {
    let clipped = window.samples.iter().filter(|sample| sample.abs() >= CLIPPED).count();
    clipped * 100 > window.samples.len() * usize::from(percent)
}

/// A segment for each stretch of speech.
fn recognized(window: &Window, options: &RecognizeOptions) -> Recognized {
    Recognized {
        segments: window.speech.iter().map(|span| segment(window, *span, options.word_timestamps)).collect(),
        language: Detected { language: options.language.unwrap_or(Language::ENGLISH), probability: 1.0 },
        statistics: Statistics { speech_ms: window.speech_after(0), windows: 1, ..Statistics::default() },
    }
}

fn segment(window: &Window, span: Span, word_timestamps: bool) -> RecognizedSegment {
    let Span { start_ms, end_ms } = span;
    let count = ((end_ms - start_ms) / WORD_MS).max(1);
    let at = |nth: u64| start_ms + (end_ms - start_ms) * nth / count;
    let words: Vec<Word> = (0..count)
        .map(|nth| {
            let (start_ms, end_ms) = (at(nth), at(nth + 1));
            Word { start_ms, end_ms, text: word(samples(window, start_ms, end_ms)), probability: 1.0 }
        })
        .collect();
    RecognizedSegment {
        start_ms,
        end_ms,
        text: words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" "),
        avg_logprob: -0.1,
        no_speech_prob: 0.0,
        words: if word_timestamps { words } else { Vec::new() },
        decoding: Decoding { window_start_ms: window.start_ms, ..Decoding::default() },
    }
}

fn samples(window: &Window, start_ms: u64, end_ms: u64) -> &[f32] {
    let index = |ms: u64| {
        let index = ms.saturating_sub(window.start_ms) * u64::from(SAMPLE_RATE) / 1000;
        usize::try_from(index).unwrap_or(usize::MAX).min(window.samples.len())
    };
    &window.samples[index(start_ms)..index(end_ms)]
}

/// Four syllables that other samples would not give (FNV-1a).
fn word(samples: &[f32]) -> String {
    let bytes = samples.iter().flat_map(|sample| sample.to_bits().to_le_bytes());
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    hash.to_be_bytes()[..4].iter().map(|byte| SYLLABLES[usize::from(byte >> 4)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(start_ms: u64, loudness: f32) -> Window {
        let speech = vec![Span { start_ms: start_ms + 100, end_ms: start_ms + 900 }];
        let samples = (0..16_u8).cycle().take(16_000).map(|step| loudness * f32::from(step) / 15.0).collect();
        Window { start_ms, end_ms: start_ms + 1000, samples, speech }
    }

    fn options() -> RecognizeOptions {
        RecognizeOptions {
            language: None,
            languages: Vec::new(),
            task: escriba_domain::Task::Transcribe,
            prompt: None,
            word_timestamps: true,
        }
    }

    #[test]
    fn the_same_samples_say_the_same_wherever_they_stand() {
        let [early, late, other] = [window(0, 0.5), window(7000, 0.5), window(0, 0.25)];
        let [early, late, other] = [early, late, other].map(|window| recognized(&window, &options()).segments);
        assert_eq!(early[0].text, late[0].text);
        assert_ne!(early[0].text, other[0].text);
        assert_eq!((late[0].start_ms, late[0].end_ms, late[0].words.len()), (7100, 7900, 2));
        assert_eq!(late[0].words[1].end_ms, late[0].end_ms);
    }

    #[test]
    fn only_what_is_clipped_throughout_is_poison() {
        let mut loud = window(0, 0.9);
        assert!(!is_poison(&loud, 30));
        loud.samples[..6_000].fill(-1.0);
        assert!(is_poison(&loud, 30));
    }
}
