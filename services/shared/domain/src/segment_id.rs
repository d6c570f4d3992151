//! What a segment is called, from the first version of a transcript to the last that has it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

const MAX_CHARS: usize = 32;

/// A segment's name within its transcript. It keeps it while its text, times and speaker change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SegmentId(String);

/// The text cannot be a segment's id.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is not the id of a segment: send one that this server gave, such as 0-12")]
pub struct ParseSegmentIdError {
    text: String,
}

impl SegmentId {
    /// The segment of this index in the job's chunk at this position.
    pub fn recognized(chunk_position: u32, index: u32) -> Self {
        Self(format!("{chunk_position}-{index}"))
    }

    /// The nth segment that this version of the transcript brought.
    pub fn made(version: u32, nth: u32) -> Self {
        Self(format!("v{version}-{nth}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SegmentId {
    type Err = ParseSegmentIdError;

    fn from_str(text: &str) -> Result<Self, ParseSegmentIdError> {
        let fits = (1..=MAX_CHARS).contains(&text.len());
        if fits && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-') {
            return Ok(Self(text.to_owned()));
        }
        Err(ParseSegmentIdError { text: text.chars().take(MAX_CHARS).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back() {
        for id in [SegmentId::recognized(3, 12), SegmentId::made(2, 0), SegmentId::made(u32::MAX, u32::MAX)] {
            assert_eq!(id.to_string().parse::<SegmentId>().unwrap(), id);
        }
        assert_eq!(SegmentId::recognized(0, 12).as_str(), "0-12");
        for text in ["", "0 12", "ñ", &"1".repeat(33), "0-1\n"] {
            assert!(text.parse::<SegmentId>().is_err(), "{text}");
        }
    }
}
