//! What is said between services: job events, work items, their subjects, and the streams that keep them. How they
//! travel is `messaging`; this crate does no I/O.

mod event;
mod job_canceled;
mod job_completed;
mod job_deleted;
mod job_failed;
mod job_queued;
mod job_segments_added;
mod job_started;
mod job_transcript_edited;
mod message;
mod presence;
mod progress;
mod streams;
mod transcript;
mod work_item;

pub use event::{DecodeError, JobEvent, event_message};
pub use job_canceled::job_canceled;
pub use job_completed::{Completion, job_completed};
pub use job_deleted::job_deleted;
pub use job_failed::job_failed;
pub use job_queued::{QueuedMedia, job_queued};
pub use job_segments_added::job_segments_added;
pub use job_started::job_started;
pub use job_transcript_edited::{Edition, job_transcript_edited};
pub use message::{CONTENT_TYPE, Headers, Message};
pub use presence::{WORKERS_ASK, WORKERS_STATUS};
pub use progress::{job_events_filter, progress_subject, workspace_events_filters, workspace_progress_filter};
pub use streams::{ConsumerPlan, EVENTS, Retention, STREAMS, StreamPlan, WORK, work_consumer};
pub use transcript::{
    channels_from_proto, channels_to_proto, lane_from_proto, lane_to_proto, segment_from_proto, segment_to_proto,
    statistics_from_proto, statistics_to_proto, task_from_proto, task_to_proto, warning_from_proto, warning_to_proto,
};
pub use work_item::{WorkItem, WorkItemError, work_message, work_subject};

pub use escriba_proto::v1;
