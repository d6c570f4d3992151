//! What the sender of a recording may ask for.

use serde::{Deserialize, Serialize};

use crate::{job::states, language::Language, model::ModelName};

/// A longer prompt than the model's context has room for would be cut silently, so it is refused.
pub const MAX_PROMPT_CHARS: usize = 800;

states! {
    /// What the text should be.
    Task {
        /// Text in the language spoken.
        Transcribe = "transcribe",
        /// Text in English, whatever is spoken.
        Translate = "translate",
    }
}

states! {
    /// Which queue a job waits in.
    Lane {
        /// Somebody waits for it.
        Interactive = "interactive",
        /// Nobody does.
        Batch = "batch",
    }
}

/// The options of one job, fixed when it is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobOptions {
    /// `None`: detect it.
    pub language: Option<Language>,
    pub task: Task,
    pub model: ModelName,
    pub lane: Lane,
    /// Names and terms the model should expect, at most [`MAX_PROMPT_CHARS`] characters.
    pub prompt: Option<String>,
    pub word_timestamps: bool,
}
