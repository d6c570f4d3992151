//! What can be done to a transcript, and what can be wrong with it.

use std::fmt;

use escriba_domain::{Language, SegmentId};

use super::substitution::{MAX_FIND_CHARS, Substitution};

pub(super) const MAX_TEXT_CHARS: usize = 10_000;
pub(super) const MAX_SPEAKER_CHARS: usize = 100;

/// One change. Segments are named as they are at that point of the batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    Set {
        id: SegmentId,
        change: Change,
    },
    Split {
        id: SegmentId,
        place: Place,
    },
    /// With the next segment of its channel.
    Merge {
        id: SegmentId,
    },
    Delete {
        id: SegmentId,
    },
    Insert(NewSegment),
    Replace(Substitution),
}

/// What is left out stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    pub text: Option<String>,
    pub start_ms: Option<u64>,
    pub end_ms: Option<u64>,
    /// `Some(None)` takes the speaker away.
    pub speaker: Option<Option<String>>,
}

/// Where a segment is split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Between the words there.
    Time(u64),
    /// Before the character of this index.
    Character(usize),
}

/// A segment that was not recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSegment {
    pub start_ms: u64,
    pub end_ms: u64,
    pub text: String,
    pub speaker: Option<String>,
    pub channel: Option<u16>,
    pub language: Option<Language>,
}

#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    #[error("There is no segment {0} in this version of the transcript.")]
    NoSuchSegment(SegmentId),
    #[error("A segment needs text. To be rid of segment {0}, delete it.")]
    NoText(SegmentId),
    #[error("A segment that is inserted needs text.")]
    NothingToInsert,
    #[error("A segment's text may have {MAX_TEXT_CHARS} characters, and this would have {0}.")]
    TextTooLong(usize),
    #[error("A speaker's name may have {MAX_SPEAKER_CHARS} characters, and this has {0}.")]
    SpeakerTooLong(usize),
    #[error("A segment must end after it starts, and this would last from {start} to {end}.")]
    Backwards { start: At, end: At },
    #[error("The recording ends at {length}, and the segment would end at {end}.")]
    BeyondEnd { length: At, end: At },
    #[error("Segment {first} ends at {end}, after segment {second} starts at {start} on the same channel.")]
    Overlap { first: SegmentId, second: SegmentId, end: At, start: At },
    #[error("Segment {0} cannot be split there: one side would be empty.")]
    NothingToSplit(SegmentId),
    #[error("No segment follows segment {0} on its channel, so there is none to merge it with.")]
    NoNext(SegmentId),
    #[error("This recording has no channel {0}. Its segments have one only where channels are transcribed separately.")]
    NoSuchChannel(u16),
    #[error("Say which text is to be replaced, in at most {MAX_FIND_CHARS} characters.")]
    NothingToFind,
}

impl OperationError {
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSuchSegment(_) => "segment_not_found",
            Self::NoText(_) | Self::NothingToInsert | Self::TextTooLong(_) => "text_invalid",
            Self::SpeakerTooLong(_) => "speaker_invalid",
            Self::Backwards { .. } | Self::BeyondEnd { .. } => "times_invalid",
            Self::Overlap { .. } => "times_overlap",
            Self::NothingToSplit(_) => "split_invalid",
            Self::NoNext(_) => "merge_invalid",
            Self::NoSuchChannel(_) => "channel_invalid",
            Self::NothingToFind => "find_invalid",
        }
    }
}

/// A position in a recording, in milliseconds, as a person reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At(pub u64);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} s", self.0 / 1000, self.0 % 1000)
    }
}
