//! One window of speech to text. Each window stands alone: no text is carried over, so that a window recognised again
//! after a crash says the same, and one bad window cannot spoil the next.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use escriba_domain::{Language, Segment, Task, Word};
use whisper_rs::{FullParams, SamplingStrategy, WhisperError, WhisperSegment, WhisperState};

use crate::{
    media::SAMPLE_RATE,
    speech::{
        abort, annotations,
        model::Model,
        windower::Window,
        words::{self, Token},
    },
};

/// Encoder frames a second of audio (Whisper: 1500 for 30 s).
const AUDIO_CONTEXT_RATE: usize = 50;

/// Encoder frames beyond the speech: with fewer the decoder loops (`baseline.md`).
const AUDIO_CONTEXT_MARGIN: usize = 256;

const AUDIO_CONTEXT_STEP: usize = 64;

/// Candidates a fallback to a higher temperature samples: whisper.cpp's own choice.
const BEST_OF: i32 = 5;

/// What the text should be.
#[derive(Debug, Clone)]
pub struct RecognizeOptions {
    /// `None`: detect it in this window.
    pub language: Option<Language>,
    pub task: Task,
    /// Names and terms to expect.
    pub prompt: Option<String>,
    pub word_timestamps: bool,
    /// Threads to compute with.
    pub threads: usize,
}

/// A window's text.
#[derive(Debug, Clone, PartialEq)]
pub struct Recognized {
    pub segments: Vec<RecognizedSegment>,
    /// The language given, or the one detected.
    pub language: Language,
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
}

impl RecognizedSegment {
    pub fn numbered(self, index: u32, language: Option<Language>) -> Segment {
        let Self { start_ms, end_ms, text, avg_logprob, no_speech_prob, words } = self;
        Segment { index, start_ms, end_ms, text, language, avg_logprob, no_speech_prob, words }
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
    state: WhisperState,
    /// whisper-rs never frees a language's name, so each is set once.
    parameters: HashMap<Language, FullParams<'static, 'static>>,
}

impl Recognizer {
    pub(super) fn new(model: Model, state: WhisperState) -> Self {
        Self { model, state, parameters: HashMap::new() }
    }

    /// The text of `window`. Setting `cancel` ends it after the encoder pass or token at hand.
    pub fn recognize(
        &mut self,
        window: &Window,
        options: &RecognizeOptions,
        cancel: &Arc<AtomicBool>,
    ) -> Result<Recognized, RecognizeError> {
        let outcome = self.run(window, options, cancel);
        if cancel.load(Ordering::Relaxed) { Err(RecognizeError::Canceled) } else { Ok(outcome?) }
    }

    fn run(
        &mut self,
        window: &Window,
        options: &RecognizeOptions,
        cancel: &AtomicBool,
    ) -> Result<Recognized, WhisperError> {
        let threads = options.threads.max(1);
        let window_ms = window.end_ms - window.start_ms;
        let language = match options.language {
            _ if !self.model.is_multilingual() => Language::ENGLISH,
            Some(language) => language,
            None => {
                let language = self.detect(window, threads, cancel)?;
                // Detection leaves behind what the probability is read from: noise is spared the run.
                if annotations::is_noise(window_ms, self.no_speech_probability()?) {
                    return Ok(Recognized { segments: Vec::new(), language });
                }
                language
            }
        };
        // Encoded by bytes: no text has more tokens than that, and a shorter buffer is an error the crate mistakes.
        let prompt = match &options.prompt {
            Some(prompt) => self.model.context().tokenize(&prompt.replace('\0', " "), prompt.len() + 1)?,
            None => Vec::new(),
        };
        let mut parameters = self.parameters(language, window, threads);
        parameters.set_translate(options.task == Task::Translate);
        parameters.set_token_timestamps(options.word_timestamps);
        parameters.set_tokens(&prompt);
        let passes = abort::full_unless(cancel, &mut self.state, parameters, &window.samples)?;
        if passes > 1 {
            self.state.encode(0, threads)?;
        }
        self.state.decode(&[self.model.context().token_sot()], 0, threads)?;
        let no_speech_prob = self.no_speech_probability()?;
        if annotations::is_noise(window_ms, no_speech_prob) {
            return Ok(Recognized { segments: Vec::new(), language });
        }
        let unspaced = words::is_unspaced(language) && options.task == Task::Transcribe;
        let heard = Heard { window, no_speech_prob, words: options.word_timestamps, unspaced };
        let segments = self.state.as_iter().filter_map(|segment| self.read(&segment, &heard)).collect();
        Ok(Recognized { segments, language })
    }

    fn parameters(&mut self, language: Language, window: &Window, threads: usize) -> FullParams<'static, 'static> {
        let fixed = self.parameters.entry(language).or_insert_with(|| {
            let mut fixed = FullParams::new(SamplingStrategy::Greedy { best_of: BEST_OF });
            fixed.set_language(Some(language.code()));
            fixed.set_no_context(true);
            fixed.set_print_progress(false);
            fixed.set_print_timestamps(false);
            // whisper.cpp 1.8.3 takes this probability from the wrong row of its logits, whatever an earlier run left
            // there: no threshold on it may decide anything. See `no_speech_probability`.
            fixed.set_no_speech_thold(1.0);
            fixed
        });
        let mut parameters = fixed.clone();
        parameters.set_n_threads(to_c(threads));
        parameters.set_audio_ctx(to_c(audio_context(window.samples.len())).min(self.model.context().n_audio_ctx()));
        parameters
    }

    /// The language spoken in `window`.
    fn detect(&mut self, window: &Window, threads: usize, cancel: &AtomicBool) -> Result<Language, WhisperError> {
        // Detection encodes with whatever audio context the last run left behind. A run over nothing but the first
        // 100 ms stops before its encoder pass, having set the context and the spectrogram to this window's.
        let mut parameters = self.parameters(Language::ENGLISH, window, threads);
        parameters.set_duration_ms(100);
        abort::full_unless(cancel, &mut self.state, parameters, &window.samples)?;
        let (id, _) = self.state.lang_detect(0, threads)?;
        let code = whisper_rs::get_lang_str(id).ok_or(WhisperError::GenericError(id))?;
        code.parse().map_err(|_| WhisperError::GenericError(id))
    }

    /// How likely it is that nobody speaks at the window's start, as OpenAI's `transcribe` has it: the probability of
    /// the no-speech token right after the start token, which must be all that was decoded last.
    fn no_speech_probability(&self) -> Result<f32, WhisperError> {
        let logits = self.state.get_logits()?;
        let no_speech = usize::try_from(self.model.context().token_nosp()).ok();
        let logit = no_speech.and_then(|token| logits.get(token)).copied();
        Ok(logit.map_or(0.0, |logit| softmax(logit, logits)))
    }

    fn read(&self, segment: &WhisperSegment<'_>, heard: &Heard<'_>) -> Option<RecognizedSegment> {
        let &Heard { window, no_speech_prob, .. } = heard;
        let text = String::from_utf8_lossy(segment.to_bytes().ok()?).trim().to_owned();
        let (tokens, avg_logprob) = self.text_tokens(segment, window);
        if annotations::is_annotation(&text) || annotations::is_doubtful(avg_logprob, no_speech_prob) {
            return None;
        }
        let start_ms = position(segment.start_timestamp(), window);
        let end_ms = position(segment.end_timestamp(), window).max(start_ms);
        let words = if heard.words { words::group(&tokens, heard.unspaced, start_ms, end_ms) } else { Vec::new() };
        Some(RecognizedSegment { start_ms, end_ms, text, avg_logprob, no_speech_prob, words })
    }

    /// The segment's tokens without timestamps and other special ones, and their mean log probability.
    fn text_tokens(&self, segment: &WhisperSegment<'_>, window: &Window) -> (Vec<Token>, f32) {
        let first_special = self.model.context().token_eot();
        let mut logprob = 0.0;
        let tokens: Vec<_> = (0..segment.n_tokens())
            .filter_map(|index| segment.get_token(index))
            .filter(|token| token.token_id() < first_special)
            .filter_map(|token| {
                let data = token.token_data();
                logprob += data.plog;
                Some(Token {
                    bytes: token.to_bytes().ok()?.to_vec(),
                    start_ms: position(data.t0, window),
                    end_ms: position(data.t1, window),
                    probability: data.p,
                })
            })
            .collect();
        #[allow(clippy::cast_precision_loss, reason = "a segment has a few hundred tokens at most")]
        let count = tokens.len().max(1) as f32;
        (tokens, logprob / count)
    }
}

/// What a window's segments are read with.
struct Heard<'a> {
    window: &'a Window,
    no_speech_prob: f32,
    words: bool,
    unspaced: bool,
}

/// The probability of what has this logit among all `logits`.
fn softmax(logit: f32, logits: &[f32]) -> f32 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    (logit - most).exp() / logits.iter().map(|other| (other - most).exp()).sum::<f32>()
}

/// whisper.cpp's hundredths of a second in the window as milliseconds in the recording, inside the window.
fn position(centiseconds: i64, window: &Window) -> u64 {
    let within = u64::try_from(centiseconds).unwrap_or(0).saturating_mul(10);
    window.start_ms.saturating_add(within).min(window.end_ms)
}

/// Encoder frames for so many samples, before the model's own limit.
fn audio_context(samples: usize) -> usize {
    let speech = (samples * AUDIO_CONTEXT_RATE).div_ceil(SAMPLE_RATE as usize);
    (speech + AUDIO_CONTEXT_MARGIN).next_multiple_of(AUDIO_CONTEXT_STEP)
}

fn to_c(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoder_hears_the_window_and_a_margin() {
        assert_eq!(audio_context(16_000), 320);
        assert_eq!(audio_context(15 * 16_000), 1_024);
        assert_eq!(audio_context(1), 320);
    }

    #[test]
    fn probabilities_are_shares_of_the_whole() {
        assert!((softmax(1.0, &[1.0, 1.0, 1.0, 1.0]) - 0.25).abs() < 1e-6);
        assert!((softmax(90.0, &[90.0, -90.0]) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn positions_stay_inside_the_window() {
        let window = Window { start_ms: 10_000, end_ms: 12_000, samples: Vec::new() };
        assert_eq!(position(50, &window), 10_500);
        assert_eq!(position(-1, &window), 10_000);
        assert_eq!(position(3_000, &window), 12_000);
    }
}
