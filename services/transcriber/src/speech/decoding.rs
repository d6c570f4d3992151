//! One text for one encoded window: token by token, at one temperature. It asks the model and keeps what it answered;
//! whether the text is any good is judged elsewhere.

use std::sync::atomic::{AtomicBool, Ordering};

use rand::{RngExt, SeedableRng, rngs::SmallRng};
use whisper_rs::{WhisperError, WhisperTokenId};

use super::{
    encoded::Encoded,
    logits::{self, Position},
    vocabulary::{Vocabulary, to_token},
};

/// Nobody speaks faster: more tokens than this a second, and [`SPARE_TOKENS`] beyond, are a loop.
const TOKENS_A_SECOND: u64 = 14;
const SPARE_TOKENS: u64 = 24;

/// So many repetitions of the same tokens are a loop…
const REPEATS: usize = 4;
/// …if they are this many tokens long at the most.
const LONGEST_REPEATED: usize = 24;

/// A token of the text and what the model thought of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    pub(super) token: usize,
    /// Natural logarithm of its probability among those allowed.
    pub(super) logprob: f32,
}

/// A text as the model gave it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hypothesis {
    /// Without the token that ends it.
    pub(super) steps: Vec<Step>,
    /// Mean over all tokens, the end included.
    pub(super) avg_logprob: f32,
    pub(super) ended: Ended,
    /// Where the model says that the text ends, from the window's start; the window's end if it does not say.
    pub(super) end_ms: u64,
    /// At which it was decoded.
    pub(super) temperature: f32,
}

/// Why a text goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The model ended it.
    ByItself,
    /// It had begun to repeat itself.
    InALoop,
    /// It was longer than anybody can speak.
    TooLong,
}

/// What to decode.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) words: &'a Vocabulary,
    /// Everything before the text, the opening included.
    pub(super) prompt: &'a [WhisperTokenId],
    pub(super) window_ms: u64,
    /// 0 takes the likeliest token each time.
    pub(super) temperature: f32,
    /// Makes draws repeatable.
    pub(super) seed: u64,
    pub(super) cancel: &'a AtomicBool,
}

/// The text after the prompt. A cancel ends it early, as if by itself.
pub(super) fn decode(encoded: &mut Encoded<'_>, request: &Request<'_>) -> Result<Hypothesis, WhisperError> {
    let words = request.words;
    let mut tokens = request.prompt.to_vec();
    let mut text = Text::new(request);
    let last_time = words.time_token(request.window_ms);
    let ended = loop {
        let logits = encoded.after(&tokens)?;
        logits::allow(logits, words, text.position(words), last_time);
        let (token, logprob) = text.choose(logits, request.temperature);
        text.logprob += logprob;
        if token == words.end || request.cancel.load(Ordering::Relaxed) {
            break Ended::ByItself;
        }
        text.steps.push(Step { token, logprob });
        if text.repeats(words) {
            break Ended::InALoop;
        }
        if text.steps.len() >= text.most || tokens.len() + 1 >= words.room {
            break Ended::TooLong;
        }
        tokens.push(to_token(token));
    };
    #[allow(clippy::cast_precision_loss, reason = "a text has a few hundred tokens at most")]
    let avg_logprob = text.logprob / (text.steps.len() + 1) as f32;
    let last_time = text.steps.last().map(|step| step.token).filter(|&token| words.is_time(token));
    let end_ms = last_time.map_or(request.window_ms, |token| words.time_ms(token));
    Ok(Hypothesis { steps: text.steps, avg_logprob, ended, end_ms, temperature: request.temperature })
}

/// A text that grows.
struct Text {
    steps: Vec<Step>,
    logprob: f32,
    most: usize,
    random: SmallRng,
}

impl Text {
    fn new(request: &Request<'_>) -> Self {
        let most = request.window_ms * TOKENS_A_SECOND / 1_000 + SPARE_TOKENS;
        Self {
            steps: Vec::new(),
            logprob: 0.0,
            most: usize::try_from(most).unwrap_or(usize::MAX).min(request.words.room / 2),
            random: SmallRng::seed_from_u64(request.seed),
        }
    }

    fn position(&self, words: &Vocabulary) -> Position {
        let mut backwards = self.steps.iter().rev().map(|step| words.is_time(step.token));
        let after_time = backwards.next().unwrap_or(false);
        Position {
            is_first: self.steps.is_empty(),
            after_time,
            after_two_times: after_time && backwards.next().unwrap_or(true),
            latest: self.steps.iter().rev().map(|step| step.token).find(|&token| words.is_time(token)),
        }
    }

    fn choose(&mut self, logits: &[f32], temperature: f32) -> (usize, f32) {
        let token = if temperature > 0.0 {
            logits::sample(logits, temperature, self.random.random())
        } else {
            logits::most_likely(logits)
        };
        (token, logits[token] - logits::log_sum_exp(logits))
    }

    /// Whether the text ends in the same few tokens over and over, times left out.
    fn repeats(&self, words: &Vocabulary) -> bool {
        let spoken: Vec<_> = self.steps.iter().map(|step| step.token).filter(|&token| !words.is_time(token)).collect();
        (1..=LONGEST_REPEATED).take_while(|length| length * REPEATS <= spoken.len()).any(|length| {
            // A word may be said four times; that takes more than one letter or sign.
            let repeats = if length < 3 { 2 * REPEATS } else { REPEATS };
            let Some(from) = spoken.len().checked_sub(length * repeats) else { return false };
            let tail = &spoken[from..];
            tail.iter().zip(&tail[length..]).all(|(a, b)| a == b)
        })
    }
}
