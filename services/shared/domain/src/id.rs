//! Identifiers: `UUIDv7`, so that they sort by the time they were made, each kind its own type.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text is not a UUID.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is not an id: expected a UUID such as 019a9a3e-7c1b-7d52-8f64-0a5b1c2d3e4f")]
pub struct ParseIdError {
    text: String,
}

macro_rules! id {
    ($(#[doc = $doc:literal] $name:ident),+ $(,)?) => {$(
        #[doc = $doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, later than every one made before it in this process.
            #[allow(clippy::new_without_default, reason = "a default that differs each time would mislead")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                text.parse().map(Self).map_err(|_| ParseIdError { text: text.to_owned() })
            }
        }
    )+};
}

id! {
    /// A tenant.
    WorkspaceId,
    /// A caller's key.
    ApiKeyId,
    /// Uploaded bytes.
    MediaId,
    /// One request to transcribe one recording.
    JobId,
    /// A span of a job: the unit of work, retry and parallelism.
    ChunkId,
    /// An upload that takes several requests.
    UploadId,
    /// A piece of such an upload.
    PartId,
    /// A message that waits to be published; it becomes the message's own id.
    OutboxId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_age() {
        let ids: Vec<_> = (0..100).map(|_| JobId::new()).collect();
        assert!(ids.is_sorted());
    }

    #[test]
    fn text_that_is_no_id_is_named_in_the_error() {
        let error = "latest".parse::<JobId>().unwrap_err();
        assert!(error.to_string().starts_with("`latest` is not an id"));
    }
}
