//! Every path in object storage, made from ids alone: no name a person chose ever becomes part of one.

use std::{fmt, str::FromStr};

use escriba_domain::{MediaId, ParseIdError, WorkspaceId};

/// Names one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectKey {
    /// The bytes as uploaded.
    Media { workspace: WorkspaceId, media: MediaId },
}

/// The text is not the key of an object of ours.
#[derive(Debug, thiserror::Error)]
pub enum ParseKeyError {
    #[error("`{0}` is not an object key")]
    Shape(String),
    #[error(transparent)]
    Id(#[from] ParseIdError),
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Media { workspace, media } => write!(f, "media/{workspace}/{media}"),
        }
    }
}

impl FromStr for ObjectKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            ["media", workspace, media] => Ok(Self::Media { workspace: workspace.parse()?, media: media.parse()? }),
            _ => Err(ParseKeyError::Shape(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back_and_paths_cannot_be_smuggled_in() {
        let key = ObjectKey::Media { workspace: WorkspaceId::new(), media: MediaId::new() };
        assert_eq!(key.to_string().parse::<ObjectKey>().unwrap(), key);
        for text in ["media/../etc/passwd", "/etc/passwd", "media/a/b", ""] {
            assert!(text.parse::<ObjectKey>().is_err(), "{text}");
        }
    }
}
