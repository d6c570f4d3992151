//! What recognising a recording took, and what was thrown away on the way: told with the result, never hidden.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// Counts of one job, or of a part of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Statistics {
    /// Of the recording, heard as speech.
    pub speech_ms: u64,
    /// Windows of speech recognised.
    pub windows: u32,
    /// Of these, done again with more audio context.
    pub full_context_windows: u32,
    /// Of these, done again at a higher temperature.
    pub hotter_windows: u32,
    /// Of these, without speech after all by the model's own judgement.
    pub silent_windows: u32,
    /// Segments dropped because they repeat themselves.
    pub dropped_loops: u32,
    /// Segments dropped as remarks or stock phrases where nobody speaks.
    pub dropped_phantoms: u32,
}

impl AddAssign for Statistics {
    fn add_assign(&mut self, other: Self) {
        self.speech_ms += other.speech_ms;
        self.windows += other.windows;
        self.full_context_windows += other.full_context_windows;
        self.hotter_windows += other.hotter_windows;
        self.silent_windows += other.silent_windows;
        self.dropped_loops += other.dropped_loops;
        self.dropped_phantoms += other.dropped_phantoms;
    }
}
