//! A job's text: segments in order, each with its words.

use serde::{Deserialize, Serialize};

use crate::{JobId, Language};

/// A timed piece of text. Positions are milliseconds from the start of the recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Counts from 0 within its chunk.
    pub index: u32,
    pub start_ms: u64,
    pub end_ms: u64,
    pub text: String,
    pub language: Option<Language>,
    /// Which channel of the recording, from 1; `None` when its channels were mixed.
    pub channel: Option<u16>,
    /// Mean natural-log probability of the text tokens; 0 is certain.
    pub avg_logprob: f32,
    /// Whisper's probability, 0 to 1, that nobody speaks here.
    pub no_speech_prob: f32,
    /// Empty unless word timestamps were asked for.
    pub words: Vec<Word>,
    /// Who speaks, as somebody who edited the transcript said; recognition does not know.
    pub speaker: Option<String>,
    pub decoding: Decoding,
}

/// How recognition came to a segment's text. Empty where a person or a release that kept none of it did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Decoding {
    /// The model's own numbers for pieces of text, and for the times around them where it set some.
    pub tokens: Vec<u32>,
    /// 0 took the likeliest token each time; more was tried where that gave a poor text.
    pub temperature: f32,
    /// Where the window of speech starts in which the segment was heard.
    pub window_start_ms: u64,
}

/// A word within a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Word {
    pub start_ms: u64,
    pub end_ms: u64,
    pub text: String,
    /// 0 to 1: the mean probability of the word's tokens.
    pub probability: f32,
}

/// What a listener should know about a result that was produced all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    pub code: String,
    pub message: String,
}

/// What is said of a transcript as a whole; its segments are read page by page.
#[derive(Debug, Clone, PartialEq)]
pub struct Transcript {
    pub job_id: JobId,
    pub file_name: String,
    pub language: Option<Language>,
    pub task: crate::Task,
    pub model: crate::ModelName,
    /// Length of the recording, once known.
    pub audio_ms: Option<u64>,
    /// Grows at each edit.
    pub version: u32,
}
