//! Job events as JSON for browsers and scripts: the same facts as the protobuf events, positions in seconds.

use std::borrow::Cow;

use escriba_domain::{Lane, Word};
use escriba_events::{JobEvent, lane_from_proto, statistics_from_proto, task_from_proto, v1};
use escriba_messaging::Entrance;
use poem_openapi::{
    Object, Union,
    registry::{MetaSchemaRef, Registry},
    types::{ToJSON, Type},
};

use super::job_view::{StatisticsView, WarningView, seconds};
use crate::app::{follow_job::Happening, queue_moves::Moved};

/// One event. The stream's `event:` line names its kind.
#[derive(Debug, Union)]
#[oai(rename = "JobEvent")]
pub(super) enum EventView {
    Queued(QueuedView),
    Started(StartedView),
    Progress(JobProgressView),
    SegmentsAdded(SegmentsAddedView),
    Completed(CompletedView),
    Failed(FailedView),
    Ended(EndedView),
    Moved(QueueMovedView),
    Entered(StreamEnteredView),
    Edited(EditedView),
}

/// `job.queued`
#[derive(Debug, Object)]
#[oai(rename = "JobQueued")]
pub(super) struct QueuedView {
    job_id: String,
    file_name: String,
    bytes: u64,
    lane: String,
    model: String,
    task: String,
    language: Option<String>,
}

/// `job.started`
#[derive(Debug, Object)]
#[oai(rename = "JobStarted")]
pub(super) struct StartedView {
    job_id: String,
    worker_id: String,
}

/// `job.progress`: not kept, so it has no id to resume from.
#[derive(Debug, Object)]
#[oai(rename = "JobProgressed")]
pub(super) struct JobProgressView {
    job_id: String,
    /// Everything up to this second is transcribed.
    processed: f64,
    /// The recording's length in seconds, once known.
    duration: Option<f64>,
    /// Seconds of recording transcribed a second; 0 while that is unknown.
    speed: f64,
    /// About how many seconds until the recording is transcribed; null while that cannot be told.
    time_left: Option<f64>,
}

/// `job.segments_added`
#[derive(Debug, Object)]
#[oai(rename = "JobSegmentsAdded")]
pub(super) struct SegmentsAddedView {
    job_id: String,
    segments: Vec<SegmentView>,
}

/// A timed piece of text.
#[derive(Debug, Object)]
#[oai(rename = "Segment")]
pub(super) struct SegmentView {
    start: f64,
    end: f64,
    text: String,
    /// The language of this segment.
    language: Option<String>,
    /// The recording's channel, counted from 1; null when its channels were mixed.
    channel: Option<u32>,
    /// Empty unless word timestamps were asked for.
    words: Vec<WordView>,
}

/// A word within a segment.
#[derive(Debug, Object)]
#[oai(rename = "Word")]
pub(super) struct WordView {
    start: f64,
    end: f64,
    word: String,
    probability: f32,
}

/// `job.completed`
#[derive(Debug, Object)]
#[oai(rename = "JobCompleted")]
pub(super) struct CompletedView {
    job_id: String,
    language: Option<String>,
    duration: f64,
    processing_time: f64,
    segment_count: u64,
    warnings: Vec<WarningView>,
    /// What recognition took and what it left out.
    statistics: StatisticsView,
}

/// `job.failed`
#[derive(Debug, Object)]
#[oai(rename = "JobFailed")]
pub(super) struct FailedView {
    job_id: String,
    code: String,
    message: String,
}

/// `job.canceled` and `job.deleted`
#[derive(Debug, Object)]
#[oai(rename = "JobEnded")]
pub(super) struct EndedView {
    job_id: String,
}

/// `queue.moved`: not kept, so it has no id to resume from.
#[derive(Debug, Object)]
#[oai(rename = "QueueMoved")]
pub(super) struct QueueMovedView {
    job_id: String,
    /// 1 is next. Workspaces take turns, so it may rise when another one sends a recording.
    position: u64,
    /// About how many seconds until the job is transcribed; null while that cannot be told.
    time_to_completion: Option<f64>,
}

/// `stream.opened` and `stream.gap`: where in the stream of events this reader came in.
#[derive(Debug, Object)]
#[oai(rename = "StreamEntered")]
pub(super) struct StreamEnteredView {
    /// What is told comes after the event of this id.
    after: u64,
}

/// `job.transcript_edited`
#[derive(Debug, Object)]
#[oai(rename = "JobTranscriptEdited")]
pub(super) struct EditedView {
    job_id: String,
    /// The newest version by now.
    version: u32,
    /// The id of the API key of whoever did it.
    api_key_id: String,
    /// Segments that the version before had not, or had otherwise.
    segments_changed: u32,
    /// Segments of the version before that are gone.
    segments_removed: u32,
    /// The version whose content it has again; null for an edit.
    reverted_to: Option<u32>,
}

/// An event with what the stream's own lines say of it.
#[derive(Debug)]
pub(super) struct NamedEvent {
    pub(super) name: String,
    /// Where to resume; progress has none.
    pub(super) id: Option<u64>,
    pub(super) data: EventView,
}

/// In the document an event is its data.
impl Type for NamedEvent {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        EventView::name()
    }

    fn schema_ref() -> MetaSchemaRef {
        EventView::schema_ref()
    }

    fn register(registry: &mut Registry) {
        EventView::register(registry);
    }

    fn as_raw_value(&self) -> Option<&Self::RawValueType> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self::RawElementValueType> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ToJSON for NamedEvent {
    fn to_json(&self) -> Option<serde_json::Value> {
        self.data.to_json()
    }
}

impl From<Word> for WordView {
    fn from(word: Word) -> Self {
        Self {
            start: seconds(word.start_ms),
            end: seconds(word.end_ms),
            word: word.text.trim().to_owned(),
            probability: word.probability,
        }
    }
}

impl From<Happening> for NamedEvent {
    fn from(happening: Happening) -> Self {
        match happening {
            Happening::Progress(progress) => {
                Self { name: "job.progress".to_owned(), id: None, data: progress_view(progress) }
            }
            Happening::Moved(Moved { job, place }) => Self {
                name: "queue.moved".to_owned(),
                id: None,
                data: EventView::Moved(QueueMovedView {
                    job_id: job.to_string(),
                    position: place.position,
                    time_to_completion: place.time_to_completion_ms.map(seconds),
                }),
            },
            Happening::Entered(Entrance { after, is_gap }) => Self {
                name: if is_gap { "stream.gap" } else { "stream.opened" }.to_owned(),
                id: Some(after),
                data: EventView::Entered(StreamEnteredView { after }),
            },
            Happening::Event(at) => {
                Self { name: format!("job.{}", at.event.name()), id: Some(at.sequence), data: event_view(at.event) }
            }
        }
    }
}

fn progress_view(progress: v1::JobProgress) -> EventView {
    EventView::Progress(JobProgressView {
        job_id: progress.job_id,
        processed: seconds(progress.processed_ms),
        duration: (progress.audio_ms > 0).then(|| seconds(progress.audio_ms)),
        speed: (progress.speed * 100.0).round() / 100.0,
        time_left: progress.time_left_ms.map(seconds),
    })
}

fn event_view(event: JobEvent) -> EventView {
    match event {
        JobEvent::Queued(queued) => EventView::Queued(QueuedView {
            lane: lane_from_proto(queued.lane()).map_or("", Lane::as_str).to_owned(),
            task: task_from_proto(queued.task()).map(|task| task.to_string()).unwrap_or_default(),
            job_id: queued.job_id,
            file_name: queued.file_name,
            bytes: queued.media_bytes,
            model: queued.model,
            language: present(queued.language),
        }),
        JobEvent::Started(started) => {
            EventView::Started(StartedView { job_id: started.job_id, worker_id: started.worker_id })
        }
        JobEvent::SegmentsAdded(added) => EventView::SegmentsAdded(SegmentsAddedView {
            job_id: added.job_id,
            segments: added.segments.into_iter().map(segment_view).collect(),
        }),
        JobEvent::Completed(completed) => EventView::Completed(CompletedView {
            job_id: completed.job_id,
            language: present(completed.language),
            duration: seconds(completed.audio_ms),
            processing_time: seconds(completed.processing_ms),
            segment_count: completed.segment_count,
            warnings: completed
                .warnings
                .into_iter()
                .map(|warning| WarningView { code: warning.code, message: warning.message })
                .collect(),
            statistics: completed.statistics.map(statistics_from_proto).unwrap_or_default().into(),
        }),
        JobEvent::Failed(failed) => {
            EventView::Failed(FailedView { job_id: failed.job_id, code: failed.code, message: failed.message })
        }
        JobEvent::Canceled(canceled) => EventView::Ended(EndedView { job_id: canceled.job_id }),
        JobEvent::Deleted(deleted) => EventView::Ended(EndedView { job_id: deleted.job_id }),
        JobEvent::TranscriptEdited(edited) => EventView::Edited(EditedView {
            job_id: edited.job_id,
            version: edited.version,
            api_key_id: edited.api_key_id,
            segments_changed: edited.segments_changed,
            segments_removed: edited.segments_removed,
            reverted_to: (edited.reverted_to > 0).then_some(edited.reverted_to),
        }),
    }
}

fn segment_view(segment: v1::Segment) -> SegmentView {
    let words = segment.words.into_iter().map(|word| WordView {
        start: seconds(word.start_ms),
        end: seconds(word.end_ms),
        word: word.text,
        probability: word.probability,
    });
    SegmentView {
        start: seconds(segment.start_ms),
        end: seconds(segment.end_ms),
        text: segment.text,
        language: present(segment.language),
        channel: Some(segment.channel).filter(|channel| *channel > 0),
        words: words.collect(),
    }
}

fn present(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
