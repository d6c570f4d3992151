//! The operations of an edit as callers send them, read into those of the use case.

use escriba_domain::{Language, SegmentId};
use poem_openapi::{
    Object, Union,
    types::{Example, MaybeUndefined},
};

use super::{
    job_view,
    problem::{Failure, invalid},
    text::Text,
};
use crate::app::edit_transcript::{Case, Change, NewSegment, Operation, Place, Substitution, Words};

/// A batch of operations, applied in their order: all of them or none.
#[derive(Debug, Object)]
#[oai(rename = "TranscriptEdit", example)]
pub(super) struct EditRequest {
    /// At most 1000.
    pub(super) operations: Vec<OperationView>,
}

/// One change to a transcript.
#[derive(Debug, Union)]
#[oai(rename = "TranscriptOperation", discriminator_name = "op", one_of = true)]
pub(super) enum OperationView {
    #[oai(mapping = "set")]
    Set(SetView),
    #[oai(mapping = "split")]
    Split(SplitView),
    #[oai(mapping = "merge")]
    Merge(MergeView),
    #[oai(mapping = "delete")]
    Delete(DeleteView),
    #[oai(mapping = "insert")]
    Insert(InsertView),
    #[oai(mapping = "replace")]
    Replace(ReplaceView),
}

/// Sets what is given of a segment, and leaves the rest as it is. Words that stay keep their times.
#[derive(Debug, Object)]
#[oai(rename = "SetSegment")]
pub(super) struct SetView {
    /// The segment's id.
    id: Text,
    /// At most 10000 characters, and not nothing.
    text: Option<Text>,
    /// Seconds. It may not overlap other segments of the same channel.
    start: Option<f64>,
    /// Seconds, within the recording.
    end: Option<f64>,
    /// At most 100 characters; null takes it away.
    speaker: MaybeUndefined<Text>,
}

/// Splits a segment in two: `at` a time or before a `character`. The first half keeps the id.
#[derive(Debug, Object)]
#[oai(rename = "SplitSegment")]
pub(super) struct SplitView {
    /// The segment's id.
    id: Text,
    /// Seconds from the start of the recording; between the words there.
    at: Option<f64>,
    /// Counted from 0 in the segment's text, as Unicode scalar values.
    character: Option<u32>,
}

/// Joins a segment with the next one of its channel. It keeps its id.
#[derive(Debug, Object)]
#[oai(rename = "MergeSegment")]
pub(super) struct MergeView {
    /// The id of the first of the two.
    id: Text,
}

/// Removes a segment.
#[derive(Debug, Object)]
#[oai(rename = "DeleteSegment")]
pub(super) struct DeleteView {
    /// The segment's id.
    id: Text,
}

/// Adds a segment where there is none.
#[derive(Debug, Object)]
#[oai(rename = "InsertSegment")]
pub(super) struct InsertView {
    /// Seconds. It may not overlap other segments of the same channel.
    start: f64,
    /// Seconds, within the recording.
    end: f64,
    /// At most 10000 characters, and not nothing.
    text: Text,
    /// At most 100 characters.
    speaker: Option<Text>,
    /// Only where channels were transcribed separately: which one, counted from 1.
    channel: Option<u16>,
    /// A language code such as `en`.
    language: Option<Text>,
}

/// Replaces one text by another throughout the transcript, within segments. A segment that is left empty is removed.
#[derive(Debug, Object)]
#[oai(rename = "ReplaceText")]
pub(super) struct ReplaceView {
    /// Letter by letter, without patterns; at most 500 characters.
    find: Text,
    with: Text,
    /// Whether capital letters matter.
    #[oai(default = "yes")]
    case_sensitive: bool,
    /// Whether it must not be a part of a longer word.
    #[oai(default)]
    whole_word: bool,
}

const fn yes() -> bool {
    true
}

impl EditRequest {
    pub(super) fn operations(self) -> Result<Vec<Operation>, Failure> {
        let read = |(at, operation): (usize, OperationView)| {
            operation.read().map_err(|what| invalid("operation_invalid", &format!("Operation {}: {what}.", at + 1)))
        };
        self.operations.into_iter().enumerate().map(read).collect()
    }
}

impl OperationView {
    fn read(self) -> Result<Operation, String> {
        Ok(match self {
            Self::Set(set) => {
                let speaker = match set.speaker {
                    MaybeUndefined::Undefined => None,
                    MaybeUndefined::Null => Some(None),
                    MaybeUndefined::Value(name) => Some(Some(name.0)),
                };
                let (start_ms, end_ms) = (set.start.map(millis).transpose()?, set.end.map(millis).transpose()?);
                Operation::Set {
                    id: id(&set.id)?,
                    change: Change { text: set.text.map(|text| text.0), start_ms, end_ms, speaker },
                }
            }
            Self::Split(split) => {
                let place = match (split.at, split.character) {
                    (Some(at), None) => Place::Time(millis(at)?),
                    (None, Some(index)) => Place::Character(usize::try_from(index).unwrap_or(usize::MAX)),
                    _ => return Err("send either `at` or `character`, to say where to split".to_owned()),
                };
                Operation::Split { id: id(&split.id)?, place }
            }
            Self::Merge(merge) => Operation::Merge { id: id(&merge.id)? },
            Self::Delete(delete) => Operation::Delete { id: id(&delete.id)? },
            Self::Insert(insert) => Operation::Insert(NewSegment {
                start_ms: millis(insert.start)?,
                end_ms: millis(insert.end)?,
                text: insert.text.0,
                speaker: insert.speaker.map(|speaker| speaker.0),
                channel: insert.channel,
                language: insert.language.as_deref().map(language).transpose()?,
            }),
            Self::Replace(replace) => Operation::Replace(Substitution {
                find: replace.find.0,
                with: replace.with.0,
                case: if replace.case_sensitive { Case::Matters } else { Case::Ignored },
                words: if replace.whole_word { Words::Whole } else { Words::Parts },
            }),
        })
    }
}

fn id(text: &str) -> Result<SegmentId, String> {
    text.parse().map_err(|error: escriba_domain::ParseSegmentIdError| error.to_string())
}

fn language(code: &str) -> Result<Language, String> {
    code.parse().map_err(|error: escriba_domain::ParseLanguageError| error.to_string())
}

fn millis(seconds: f64) -> Result<u64, String> {
    let millis = job_view::millis(seconds);
    millis.ok_or_else(|| format!("{seconds} is no position in a recording: send seconds from its start"))
}

impl Example for EditRequest {
    fn example() -> Self {
        let set = SetView {
            id: "0-0".into(),
            text: Some("And so, my fellow Americans,".into()),
            start: None,
            end: None,
            speaker: MaybeUndefined::Value("Kennedy".into()),
        };
        let replace = ReplaceView {
            find: "jet stream".into(),
            with: "JetStream".into(),
            case_sensitive: false,
            whole_word: true,
        };
        Self { operations: vec![OperationView::Set(set), OperationView::Replace(replace)] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_whole_milliseconds_and_nothing_else() {
        assert_eq!((millis(0.0), millis(1.234_6), millis(86_400.0)), (Ok(0), Ok(1_235), Ok(86_400_000)));
        for wrong in [-0.001, f64::NAN, f64::INFINITY, 1e300] {
            assert!(millis(wrong).is_err(), "{wrong}");
        }
    }
}
