//! Segments as callers see and edit them.

use escriba_database::transcripts::Identified;
use poem_openapi::{Object, types::Example};

use super::{events_view::WordView, job_view::seconds};

/// A timed piece of a transcript's text.
#[derive(Debug, Object)]
#[oai(rename = "TranscriptSegment", example)]
pub(super) struct SegmentView {
    /// What it is called in all versions that have it. Not a number: take it as it is.
    id: String,
    /// Seconds from the start of the recording.
    start: f64,
    /// Seconds from the start of the recording.
    end: f64,
    text: String,
    /// The language of this segment.
    language: Option<String>,
    /// The recording's channel, counted from 1; null when its channels were mixed.
    channel: Option<u16>,
    /// Who speaks, as somebody who edited the transcript said.
    speaker: Option<String>,
    /// Mean natural-log probability of the text that was recognised; 0 is certain.
    avg_logprob: Option<f32>,
    /// The model's probability, 0 to 1, that nobody speaks here.
    no_speech_prob: Option<f32>,
    /// Empty unless word timestamps were asked for. A word that somebody wrote has the probability 1.
    words: Vec<WordView>,
}

/// A page of segments, in the order of the recording.
#[derive(Debug, Object)]
#[oai(rename = "SegmentPage", example)]
pub(super) struct SegmentPage {
    /// The version of the transcript that they are of.
    pub(super) version: u32,
    pub(super) items: Vec<SegmentView>,
    /// Send it as `cursor` for the next page, which is of the same version; null at the end.
    pub(super) next_cursor: Option<String>,
}

/// What became of an edit.
#[derive(Debug, Object)]
#[oai(rename = "TranscriptEdited", example)]
pub(super) struct EditedView {
    /// The newest version: one more than before, or the same if nothing changed.
    pub(super) version: u32,
    /// The segments that are new or otherwise than before.
    pub(super) changed: Vec<SegmentView>,
    /// The ids of segments that are gone.
    pub(super) removed: Vec<String>,
    /// In how many places text was replaced.
    pub(super) replacements: u32,
}

impl From<Identified> for SegmentView {
    fn from(Identified { id, segment }: Identified) -> Self {
        let finite = |value: f32| value.is_finite().then_some(value);
        Self {
            id: id.to_string(),
            start: seconds(segment.start_ms),
            end: seconds(segment.end_ms),
            text: segment.text.trim().to_owned(),
            language: segment.language.map(|language| language.to_string()),
            channel: segment.channel,
            speaker: segment.speaker,
            avg_logprob: finite(segment.avg_logprob),
            no_speech_prob: finite(segment.no_speech_prob),
            words: segment.words.into_iter().map(WordView::from).collect(),
        }
    }
}

impl Example for SegmentView {
    fn example() -> Self {
        Self {
            id: "0-0".to_owned(),
            start: 0.32,
            end: 2.16,
            text: "And so, my fellow Americans,".to_owned(),
            language: Some("en".to_owned()),
            channel: None,
            speaker: Some("Kennedy".to_owned()),
            avg_logprob: Some(-0.21),
            no_speech_prob: Some(0.02),
            words: Vec::new(),
        }
    }
}

impl Example for SegmentPage {
    fn example() -> Self {
        Self { version: 2, items: vec![SegmentView::example()], next_cursor: Some("2.100".to_owned()) }
    }
}

impl Example for EditedView {
    fn example() -> Self {
        Self { version: 2, changed: vec![SegmentView::example()], removed: vec!["0-1".to_owned()], replacements: 0 }
    }
}
