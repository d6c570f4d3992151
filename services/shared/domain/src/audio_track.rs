//! Which of a video's audio tracks is meant.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An audio track by its number or by its language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum AudioTrack {
    /// Counted from 1 among the recording's audio tracks.
    Number(u16),
    /// A tag as containers have it: two or three letters, such as `es` or `spa`.
    Language(String),
}

/// The text names no track.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is no audio track: give its number, counted from 1, or its language, such as `es` or `spa`")]
pub struct ParseTrackError {
    text: String,
}

impl FromStr for AudioTrack {
    type Err = ParseTrackError;

    fn from_str(text: &str) -> Result<Self, ParseTrackError> {
        if let Some(number) = text.parse().ok().filter(|&number| number > 0) {
            return Ok(Self::Number(number));
        }
        let is_tag = matches!(text.len(), 2 | 3) && text.chars().all(|c| c.is_ascii_alphabetic());
        if is_tag {
            Ok(Self::Language(text.to_ascii_lowercase()))
        } else {
            Err(ParseTrackError { text: text.to_owned() })
        }
    }
}

impl fmt::Display for AudioTrack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Language(tag) => f.write_str(tag),
        }
    }
}

impl TryFrom<String> for AudioTrack {
    type Error = ParseTrackError;

    fn try_from(text: String) -> Result<Self, ParseTrackError> {
        text.parse()
    }
}

impl From<AudioTrack> for String {
    fn from(track: AudioTrack) -> Self {
        track.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracks_are_numbered_or_named_by_language() {
        assert_eq!("2".parse::<AudioTrack>().unwrap(), AudioTrack::Number(2));
        assert_eq!("SPA".parse::<AudioTrack>().unwrap(), AudioTrack::Language("spa".to_owned()));
        for wrong in ["0", "-1", "", "Spanish", "e1"] {
            assert!(wrong.parse::<AudioTrack>().is_err(), "{wrong}");
        }
    }
}
