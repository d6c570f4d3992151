//! The words of Escriba: ids, states and their legal transitions, options, limits and kinds of error.
//! No input or output, no async: every other crate may depend on this one, and it on none of them.

mod audio_track;
mod edit;
mod error;
mod failure;
mod id;
mod job;
mod labels;
mod language;
mod model;
mod nats_version;
mod options;
mod scope;
mod segment_id;
mod statistics;
mod text;
mod transcript;

pub use audio_track::{AudioTrack, ParseTrackError};
pub use edit::{EditSummary, Redo, VersionOrigin};
pub use error::ErrorKind;
pub use failure::{FailureCode, WarningCode};
pub use id::{ApiKeyId, ChunkId, JobId, MediaId, OutboxId, ParseIdError, PartId, UploadId, WorkspaceId};
pub use job::{ChunkKind, ChunkState, JobState};
pub use labels::{
    LabelError, Labels, MAX_METADATA_KEY_CHARS, MAX_METADATA_KEYS, MAX_METADATA_VALUE_CHARS, MAX_TAG_CHARS, MAX_TAGS,
    MAX_TITLE_CHARS, split_tags,
};
pub use language::{Language, ParseLanguageError};
pub use model::{ModelName, ParseModelError};
pub use nats_version::{NatsVersion, ParseVersionError};
pub use options::{Channels, JobOptions, Lane, MAX_HOTWORD_CHARS, MAX_PROMPT_CHARS, Task, hint_chars, split_hotwords};
pub use scope::{Scope, Scopes};
pub use segment_id::{ParseSegmentIdError, SegmentId};
pub use statistics::Statistics;
pub use text::{append_spoken, is_unspaced};
pub use transcript::{Decoding, Segment, Transcript, Warning, Word};

/// A chunk whose worker died this often fails its job as [`FailureCode::WorkerCrashed`].
pub const MAX_ATTEMPTS: u32 = 3;
