//! One window of speech to text. Each window stands alone: no text is carried over, so that a window recognised again
//! after a crash says the same, and one bad window cannot spoil the next.
//!
//! The encoder hears the window and a margin instead of half a minute, which is most of the work saved. One pass of it
//! serves everything: the language, the probability of silence, the text and the times of words. A text that looks
//! wrong is tried again, first with a wider and then the model's whole audio context, and then at higher temperatures.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use escriba_domain::{Decoding, Language, Segment, Statistics, Task, Word};
use whisper_rs::{WhisperError, WhisperState, WhisperTokenId};

use crate::{
    media::SAMPLE_RATE,
    speech::{
        decoding::{self, Hypothesis, Request},
        encoded::{self, Encoded, Hearing, Told},
        languages::{self, Detected},
        logits,
        model::Model,
        quality::{self, Flaw},
        segments::{self, Reading},
        vocabulary::{Vocabulary, to_token},
        windower::Window,
    },
};

/// Encoder frames a second of audio (Whisper: 1500 for 30 s).
const AUDIO_CONTEXT_RATE: usize = 50;

/// Encoder frames beyond the speech: with fewer than the first the decoder loops, and the second is for windows in which
/// it loops even so. The model's whole context is the last resort, because it takes five times as long.
const AUDIO_CONTEXT_MARGINS: [usize; 2] = [96, 288];

/// What the matrix products are quick with.
const AUDIO_CONTEXT_STEP: usize = 32;

/// Tried in turn where a text looks wrong (OpenAI's steps).
const TEMPERATURES: [f32; 5] = [0.2, 0.4, 0.6, 0.8, 1.0];

/// What the text should be.
#[derive(Debug, Clone)]
pub struct RecognizeOptions {
    /// `None`: detect it in this window.
    pub language: Option<Language>,
    /// Which languages to choose from then; empty: all.
    pub languages: Vec<Language>,
    pub task: Task,
    /// Text to take for what came before: names and terms to expect.
    pub prompt: Option<String>,
    pub word_timestamps: bool,
}

/// A window's text.
#[derive(Debug, Clone, PartialEq)]
pub struct Recognized {
    pub segments: Vec<RecognizedSegment>,
    /// The language given, or the one detected.
    pub language: Detected,
    pub statistics: Statistics,
}

/// A segment that has no number yet. Positions are milliseconds from the start of the recording.
#[derive(Debug, Clone, PartialEq)]
pub struct RecognizedSegment {
    pub start_ms: u64,
    pub end_ms: u64,
    pub text: String,
    /// Mean natural-log probability of the text tokens.
    pub avg_logprob: f32,
    /// 0 to 1.
    pub no_speech_prob: f32,
    pub words: Vec<Word>,
    pub decoding: Decoding,
}

impl RecognizedSegment {
    pub fn numbered(self, index: u32, language: Option<Language>, channel: Option<u16>) -> Segment {
        let Self { start_ms, end_ms, text, avg_logprob, no_speech_prob, words, decoding } = self;
        let speaker = None;
        Segment {
            index,
            start_ms,
            end_ms,
            text,
            language,
            channel,
            avg_logprob,
            no_speech_prob,
            words,
            speaker,
            decoding,
        }
    }
}

/// Why a window has no text.
#[derive(Debug, thiserror::Error)]
pub enum RecognizeError {
    #[error("the recognition was canceled")]
    Canceled,
    #[error("the speech model failed: {0}")]
    Engine(#[from] WhisperError),
}

/// A slot of a model: recognises one window at a time.
pub struct Recognizer {
    model: Model,
    words: Vocabulary,
    state: WhisperState,
}

/// What one encoder pass gave.
struct Heard {
    language: Detected,
    no_speech_prob: f32,
    text: Text,
    /// It should be heard again with the model's whole audio context.
    is_unsure: bool,
    /// It took a temperature above 0.
    was_hot: bool,
}

enum Text {
    /// Nobody speaks.
    Silence,
    /// It repeats itself at every temperature.
    Loop,
    Sound(Hypothesis),
}

/// What is known before any text is.
struct Opening {
    language: Detected,
    no_speech_prob: f32,
    prompt: Vec<WhisperTokenId>,
}

/// A text and what was wrong with it.
struct Attempt {
    hypothesis: Hypothesis,
    flaw: Option<Flaw>,
}

impl Recognizer {
    pub(super) fn new(model: Model, state: WhisperState) -> Self {
        let words = Vocabulary::of(model.context());
        Self { model, words, state }
    }

    /// The text of `window`, computed by so many threads. Setting `cancel` ends it after the encoder pass or token at
    /// hand.
    pub fn recognize(
        &mut self,
        window: &Window,
        options: &RecognizeOptions,
        threads: usize,
        cancel: &Arc<AtomicBool>,
    ) -> Result<Recognized, RecognizeError> {
        let outcome = self.run(window, options, threads, cancel);
        if cancel.load(Ordering::Relaxed) { Err(RecognizeError::Canceled) } else { Ok(outcome?) }
    }

    fn run(
        &mut self,
        window: &Window,
        options: &RecognizeOptions,
        threads: usize,
        cancel: &AtomicBool,
    ) -> Result<Recognized, WhisperError> {
        let Self { model, words, state } = self;
        let listener = Listener { model, words, window, options, cancel };
        let whole = usize::try_from(model.context().n_audio_ctx()).unwrap_or(usize::MAX);
        let contexts = AUDIO_CONTEXT_MARGINS.map(|margin| audio_context(window.samples.len(), margin).min(whole));
        let mut hearing = Hearing { samples: &window.samples, context: contexts[0], threads, cancel };
        let mut statistics = Statistics { speech_ms: window.speech_after(0), windows: 1, ..Statistics::default() };
        let hear = |state: &mut WhisperState, hearing: Hearing<'_>| {
            encoded::hear(state, hearing, |encoded| listener.listen(encoded, hearing.context == whole))
        };
        let (mut heard, mut ends) = hear(state, hearing)?;
        for context in contexts.into_iter().skip(1).chain([whole]) {
            if heard.is_unsure && context > hearing.context && !cancel.load(Ordering::Relaxed) {
                statistics.full_context_windows = 1;
                hearing.context = context;
                (heard, ends) = hear(state, hearing)?;
            }
        }
        statistics.hotter_windows = u32::from(heard.was_hot);
        let mut segments = Vec::new();
        match &heard.text {
            Text::Silence => statistics.silent_windows = 1,
            Text::Loop => statistics.dropped_loops = 1,
            Text::Sound(hypothesis) => {
                let reading = listener.reading(&heard, &ends);
                (segments, statistics.dropped_phantoms) = segments::read(hypothesis, &reading);
            }
        }
        Ok(Recognized { segments, language: heard.language, statistics })
    }
}

/// A window and what is asked of it.
struct Listener<'a> {
    model: &'a Model,
    words: &'a Vocabulary,
    window: &'a Window,
    options: &'a RecognizeOptions,
    cancel: &'a AtomicBool,
}

impl Listener<'_> {
    /// Everything that one encoder pass is asked. Unless it is the `last` pass, a text that looks wrong is left to the
    /// next one.
    fn listen(&self, encoded: &mut Encoded<'_>, last: bool) -> Result<Told<Heard>, WhisperError> {
        let Opening { language, no_speech_prob, prompt } = self.open(encoded)?;
        let mut heard = Heard { language, no_speech_prob, text: Text::Silence, is_unsure: false, was_hot: false };
        if quality::is_noise(self.window, no_speech_prob) {
            return Ok(Told { answer: heard, align: Vec::new() });
        }
        let mut attempt = self.attempt(encoded, &prompt, 0.0)?;
        if attempt.flaw.is_some() && !last {
            heard.is_unsure = true;
            return Ok(Told { answer: heard, align: Vec::new() });
        }
        if quality::is_silence(attempt.hypothesis.avg_logprob, no_speech_prob) {
            return Ok(Told { answer: heard, align: Vec::new() });
        }
        for temperature in TEMPERATURES {
            let is_wrong = matches!(attempt.flaw, Some(Flaw::Loop | Flaw::Guess));
            if !is_wrong || self.cancel.load(Ordering::Relaxed) {
                break;
            }
            heard.was_hot = true;
            attempt = better(attempt, self.attempt(encoded, &prompt, temperature)?);
        }
        if attempt.flaw == Some(Flaw::Loop) {
            return Ok(Told { answer: Heard { text: Text::Loop, ..heard }, align: Vec::new() });
        }
        let align = if self.options.word_timestamps { self.spoken(&attempt.hypothesis) } else { Vec::new() };
        Ok(Told { answer: Heard { text: Text::Sound(attempt.hypothesis), ..heard }, align })
    }

    /// The language, and whether anybody speaks.
    fn open(&self, encoded: &mut Encoded<'_>) -> Result<Opening, WhisperError> {
        let opening = self.words.opening();
        let scores = encoded.after(&opening)?;
        let no_speech_prob = logits::probability(scores[self.words.no_speech], scores);
        let certain = |language| Detected { language, probability: 1.0 };
        let language = match self.options.language {
            _ if !self.words.is_multilingual => certain(Language::ENGLISH),
            Some(language) => certain(language),
            None => languages::detect(scores, self.words, &self.options.languages),
        };
        // Encoded by bytes: no text has more tokens than that, and a shorter buffer is an error the crate mistakes.
        let before = match &self.options.prompt {
            Some(prompt) => self.model.context().tokenize(&prompt.replace('\0', " "), prompt.len() + 1)?,
            None => Vec::new(),
        };
        let mut prompt = self.words.preceding(&before);
        prompt.extend(opening);
        prompt.extend(self.words.instructions(language.language, self.options.task));
        Ok(Opening { language, no_speech_prob, prompt })
    }

    fn attempt(
        &self,
        encoded: &mut Encoded<'_>,
        prompt: &[WhisperTokenId],
        temperature: f32,
    ) -> Result<Attempt, WhisperError> {
        let request = Request {
            words: self.words,
            prompt,
            window_ms: self.window.end_ms - self.window.start_ms,
            temperature,
            seed: self.window.start_ms,
            cancel: self.cancel,
        };
        let hypothesis = decoding::decode(encoded, &request)?;
        let text = segments::text(&hypothesis, self.model.context(), self.words);
        let flaw = quality::flaw(&text, &hypothesis, self.window);
        Ok(Attempt { hypothesis, flaw })
    }

    /// The text's tokens without times.
    fn spoken(&self, hypothesis: &Hypothesis) -> Vec<WhisperTokenId> {
        let tokens = hypothesis.steps.iter().map(|step| step.token).filter(|&token| !self.words.is_time(token));
        tokens.map(to_token).collect()
    }

    fn reading<'a>(&'a self, heard: &Heard, ends: &'a [u64]) -> Reading<'a> {
        Reading {
            context: self.model.context(),
            vocabulary: self.words,
            window: self.window,
            language: heard.language.language,
            no_speech_prob: heard.no_speech_prob,
            ends,
            translated: self.options.task == Task::Translate,
        }
    }
}

/// The sound one of two attempts; of two unsound ones, a guess before a loop, and then the likelier.
fn better(first: Attempt, second: Attempt) -> Attempt {
    let rank = |attempt: &Attempt| match attempt.flaw {
        None => 3,
        Some(Flaw::StopsEarly) => 2,
        Some(Flaw::Guess) => 1,
        Some(Flaw::Loop) => 0,
    };
    let likelier = second.hypothesis.avg_logprob > first.hypothesis.avg_logprob;
    if rank(&second) > rank(&first) || (rank(&second) == rank(&first) && likelier) { second } else { first }
}

/// Encoder frames for so many samples and a margin, before the model's own limit.
fn audio_context(samples: usize, margin: usize) -> usize {
    let speech = (samples * AUDIO_CONTEXT_RATE).div_ceil(SAMPLE_RATE as usize);
    (speech + margin).next_multiple_of(AUDIO_CONTEXT_STEP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoder_hears_the_window_and_a_margin() {
        assert_eq!(audio_context(16_000, 96), 160);
        assert_eq!(audio_context(15 * 16_000, 96), 864);
        assert_eq!(audio_context(1, 288), 320);
    }
}
