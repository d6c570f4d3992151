//! From a window's tokens to segments: split where the model set times, placed in the recording, with their words.
//! Remarks and stock phrases are left out here, and counted.

use escriba_domain::{Decoding, Language};
use whisper_rs::WhisperContext;

use super::{
    decoding::{Hypothesis, Step},
    pauses::Pauses,
    phantoms, quality,
    recognizer::RecognizedSegment,
    vocabulary::{Vocabulary, to_token},
    windower::Window,
    words::{self, Token},
};

/// A word goes on into what is taken for the next one's by this much at the most.
const MOST_OVERHANG_MS: u64 = 120;

/// What a window's tokens are read with.
pub(super) struct Reading<'a> {
    pub(super) context: &'a WhisperContext,
    pub(super) vocabulary: &'a Vocabulary,
    pub(super) window: &'a Window,
    pub(super) language: Language,
    pub(super) no_speech_prob: f32,
    /// Where each token of text ends in the window, in milliseconds; empty if words were not asked for.
    pub(super) ends: &'a [u64],
    pub(super) translated: bool,
}

/// A run of text between two times of the model's, both from the window's start.
struct Draft<'a> {
    start_ms: u64,
    end_ms: u64,
    steps: &'a [Step],
    /// The same with the times before and after it, as far as the model set them.
    timed: &'a [Step],
    /// How many tokens of text come before it.
    before: usize,
}

/// The segments, in order and without overlap, and how many were dropped because nobody spoke them.
pub(super) fn read(hypothesis: &Hypothesis, reading: &Reading<'_>) -> (Vec<RecognizedSegment>, u32) {
    let mut dropped = 0;
    let pauses = if reading.ends.is_empty() { Pauses::of(&[]) } else { Pauses::of(&reading.window.samples) };
    let mut earliest = reading.window.start_ms;
    let mut segments = Vec::new();
    for draft in drafts(hypothesis, reading.vocabulary) {
        let tokens = tokens(&draft, reading, &pauses);
        let text = text_of(draft.steps, reading.context);
        let avg_logprob = mean(draft.steps);
        if phantoms::is_annotation(&text)
            || phantoms::is_stock_phrase(&text, avg_logprob, reading.no_speech_prob)
            || quality::is_silence(avg_logprob, reading.no_speech_prob)
        {
            dropped += 1;
            continue;
        }
        let start_ms = position(draft.start_ms, reading.window).max(earliest);
        let end_ms = position(draft.end_ms, reading.window).max(start_ms);
        earliest = end_ms;
        let unspaced = words::is_unspaced(reading.language) && !reading.translated;
        let words = words::group(&tokens, unspaced, start_ms, end_ms);
        let no_speech_prob = reading.no_speech_prob;
        let decoding = Decoding {
            tokens: draft.timed.iter().filter_map(|step| u32::try_from(step.token).ok()).collect(),
            temperature: hypothesis.temperature,
            window_start_ms: reading.window.start_ms,
        };
        segments.push(RecognizedSegment { start_ms, end_ms, text, avg_logprob, no_speech_prob, words, decoding });
    }
    (segments, dropped)
}

/// The whole text of a window.
pub(super) fn text(hypothesis: &Hypothesis, context: &WhisperContext, vocabulary: &Vocabulary) -> String {
    let spoken: Vec<_> = hypothesis.steps.iter().copied().filter(|step| !vocabulary.is_time(step.token)).collect();
    text_of(&spoken, context)
}

fn drafts<'a>(hypothesis: &'a Hypothesis, vocabulary: &Vocabulary) -> Vec<Draft<'a>> {
    let steps = &hypothesis.steps;
    let mut drafts = Vec::new();
    let (mut start_ms, mut from, mut before) = (0, 0, 0);
    for (index, step) in steps.iter().enumerate() {
        if !vocabulary.is_time(step.token) {
            continue;
        }
        let time_ms = vocabulary.time_ms(step.token);
        if from < index {
            let timed = &steps[from.saturating_sub(1)..=index];
            drafts.push(Draft { start_ms, end_ms: time_ms, steps: &steps[from..index], timed, before });
            before += index - from;
        }
        start_ms = time_ms;
        from = index + 1;
    }
    if from < steps.len() {
        let timed = &steps[from.saturating_sub(1)..];
        drafts.push(Draft { start_ms, end_ms: hypothesis.end_ms, steps: &steps[from..], timed, before });
    }
    drafts
}

/// The tokens of a draft with their times in the recording. A token starts where the one before it ends, or where the
/// pause between them does.
fn tokens(draft: &Draft<'_>, reading: &Reading<'_>, pauses: &Pauses) -> Vec<Token> {
    let end = |index: usize| reading.ends.get(index).copied();
    let mut tokens: Vec<Token> = Vec::new();
    for (index, step) in (draft.before..).zip(draft.steps) {
        let (Some(earliest), Some(end_ms)) = (index.checked_sub(1).map_or(Some(0), end), end(index)) else { break };
        let Ok(bytes) = reading.context.token_to_bytes(to_token(step.token)) else { continue };
        let mut start_ms = earliest;
        if let Some((pause_start, pause_end)) = pauses.longest_within(earliest, end_ms) {
            start_ms = pause_end;
            if let Some(last) = tokens.last_mut() {
                last.end_ms = last.end_ms.max(position(pause_start.min(earliest + MOST_OVERHANG_MS), reading.window));
            }
        }
        let (start_ms, end_ms) = (position(start_ms, reading.window), position(end_ms, reading.window));
        tokens.push(Token { bytes: bytes.to_vec(), start_ms, end_ms, probability: step.logprob.exp() });
    }
    tokens
}

fn text_of(steps: &[Step], context: &WhisperContext) -> String {
    let bytes: Vec<u8> =
        steps.iter().filter_map(|step| context.token_to_bytes(to_token(step.token)).ok()).flatten().copied().collect();
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

#[allow(clippy::cast_precision_loss, reason = "a segment has a few hundred tokens at most")]
fn mean(steps: &[Step]) -> f32 {
    steps.iter().map(|step| step.logprob).sum::<f32>() / steps.len().max(1) as f32
}

/// A place in the window as a place in the recording, inside the window.
fn position(ms: u64, window: &Window) -> u64 {
    window.start_ms.saturating_add(ms).min(window.end_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_stay_inside_the_window() {
        let window = Window { start_ms: 10_000, end_ms: 12_000, samples: Vec::new(), speech: Vec::new() };
        assert_eq!(position(500, &window), 10_500);
        assert_eq!(position(30_000, &window), 12_000);
    }
}
