//! What lies in a store: objects of ours, leftovers of processes that were killed, and what is none of our business.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use object_store::ObjectMeta;

use crate::ObjectKey;

/// One thing in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub place: Place,
    pub bytes: u64,
    /// By the clock of the machine that keeps it.
    pub last_modified: DateTime<Utc>,
}

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Object(ObjectKey),
    Leftover(Leftover),
    /// Nothing that this project puts there. Of a folder that is not ours, only its own path is known.
    Unknown(String),
}

/// What a killed process left in a folder. In a bucket there is none: its own lifecycle rule ends unfinished uploads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    pub kind: LeftoverKind,
    pub(crate) path: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftoverKind {
    /// Bytes that never became an object. One that is still being written looks the same, only younger.
    UnfinishedUpload,
    EmptyFolder,
}

impl From<ObjectMeta> for Listed {
    fn from(meta: ObjectMeta) -> Self {
        let path = meta.location.to_string();
        let place = path.parse().map_or(Place::Unknown(path), Place::Object);
        Self { place, bytes: meta.size, last_modified: meta.last_modified }
    }
}
