//! How versions of a transcript come about.

use serde::{Deserialize, Serialize};

use crate::{ApiKeyId, JobId, Language, job::states};

states! {
    /// What made a version of a transcript.
    VersionOrigin {
        /// The first: as it was recognised.
        Recognition = "recognition",
        /// Somebody changed segments.
        Edit = "edit",
        /// Somebody went back to an earlier version.
        Revert = "revert",
        /// A span was transcribed again.
        Redo = "redo",
    }
}

/// A span of a job's recording that another job transcribes again. What it hears takes the place of what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redo {
    /// The job whose transcript it is.
    pub of: JobId,
    pub from_ms: u64,
    pub to_ms: u64,
    /// The key of whoever asked for it.
    pub by: ApiKeyId,
    /// The language given for the whole recording, which decides on its audio track.
    pub given_language: Option<Language>,
}

impl Redo {
    /// How much is transcribed again.
    pub const fn length_ms(&self) -> u64 {
        self.to_ms - self.from_ms
    }
}

/// What an edit did, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EditSummary {
    /// Segments whose text, times or speaker were set.
    pub set: u32,
    pub split: u32,
    /// Segments joined with the one after them.
    pub merged: u32,
    pub deleted: u32,
    pub inserted: u32,
    /// Places in which one text was replaced by another.
    pub replaced: u32,
    /// Segments of this version that the one before had not, or had otherwise.
    pub segments_changed: u32,
    /// Segments of the version before that this one has no more.
    pub segments_removed: u32,
}
