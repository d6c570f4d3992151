//! Every job event as one type: its name, its subject, and its CloudEvents headers.
//!
//! Source of the header names: CloudEvents 1.0, NATS protocol binding, binary mode.

use chrono::{DateTime, SecondsFormat, Utc};
use escriba_domain::OutboxId;
use prost::Message as _;

use crate::{
    message::{CONTENT_TYPE, Headers, Message},
    v1,
};

macro_rules! job_events {
    ($($variant:ident($payload:ty) = $name:literal),+ $(,)?) => {
        /// A durable event of the EVENTS stream.
        #[derive(Debug, Clone, PartialEq)]
        pub enum JobEvent {
            $($variant($payload),)+
        }

        impl JobEvent {
            /// Every type name, as it stands in subjects.
            pub const NAMES: &[&str] = &[$($name),+];

            /// The event's name: the type token of its subject.
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)+
                }
            }

            fn workspace_id(&self) -> &str {
                match self {
                    $(Self::$variant(payload) => &payload.workspace_id,)+
                }
            }

            /// The job it tells of.
            pub fn job_id(&self) -> &str {
                match self {
                    $(Self::$variant(payload) => &payload.job_id,)+
                }
            }

            fn encode(&self) -> Vec<u8> {
                match self {
                    $(Self::$variant(payload) => payload.encode_to_vec(),)+
                }
            }

            /// Reads an event back from its `ce-type` header and payload.
            pub fn decode(ce_type: &str, payload: &[u8]) -> Result<Self, DecodeError> {
                $(if ce_type == concat!("escriba.job.", $name, ".v1") {
                    return Ok(Self::$variant(<$payload>::decode(payload)?));
                })+
                Err(DecodeError::UnknownType(ce_type.to_owned()))
            }
        }
    };
}

job_events! {
    Queued(v1::JobQueued) = "queued",
    Started(v1::JobStarted) = "started",
    SegmentsAdded(v1::JobSegmentsAdded) = "segments_added",
    Completed(v1::JobCompleted) = "completed",
    Failed(v1::JobFailed) = "failed",
    Canceled(v1::JobCanceled) = "canceled",
    Deleted(v1::JobDeleted) = "deleted",
    TranscriptEdited(v1::JobTranscriptEdited) = "transcript_edited",
}

/// A message on the EVENTS stream is not one of ours, or of a later version.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("unknown event type `{0}`")]
    UnknownType(String),
    #[error("the event's payload is not what its type says")]
    Payload(#[from] prost::DecodeError),
}

impl JobEvent {
    /// The `ce-type` header, such as `escriba.job.queued.v1`.
    pub fn ce_type(&self) -> String {
        format!("escriba.job.{}.v1", self.name())
    }

    /// Nothing follows this event unless the job is run again.
    pub const fn is_terminal(&self) -> bool {
        matches!(self, Self::Completed(_) | Self::Failed(_) | Self::Canceled(_) | Self::Deleted(_))
    }

    /// `events.job.<type>.<workspace>.<job>`.
    pub fn subject(&self) -> String {
        format!("events.job.{}.{}.{}", self.name(), self.workspace_id(), self.job_id())
    }
}

/// The event as a message: CloudEvents headers and the trace it belongs to. For events of our own making, whose ids
/// are ids.
pub fn event_message(event: &JobEvent, at: DateTime<Utc>, trace: &Headers) -> Message {
    let id = OutboxId::new();
    let mut headers = trace.clone();
    headers.extend([
        ("ce-specversion".to_owned(), "1.0".to_owned()),
        ("ce-id".to_owned(), id.to_string()),
        ("ce-type".to_owned(), event.ce_type()),
        ("ce-source".to_owned(), format!("/workspaces/{}", event.workspace_id())),
        ("ce-subject".to_owned(), event.job_id().to_owned()),
        ("ce-time".to_owned(), at.to_rfc3339_opts(SecondsFormat::Millis, true)),
        ("content-type".to_owned(), CONTENT_TYPE.to_owned()),
    ]);
    let job = event.job_id().parse().expect("a job event is made from a job's id");
    Message { id, job, subject: event.subject(), headers, payload: event.encode() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{job_canceled, job_failed};
    use escriba_domain::{FailureCode, JobId, WorkspaceId};

    #[test]
    fn an_event_reads_back_from_its_message() {
        let event = job_failed(
            WorkspaceId::new(),
            JobId::new(),
            FailureCode::MediaEmpty.as_str(),
            FailureCode::MediaEmpty.sentence(),
        );
        let message = event_message(&event, Utc::now(), &Headers::new());
        assert_eq!(JobEvent::decode(&message.headers["ce-type"], &message.payload).unwrap(), event);
        assert_eq!(message.headers["ce-id"], message.id.to_string());
        assert_eq!(message.job.to_string(), event.job_id());
        assert!(event.is_terminal());
    }

    #[test]
    fn a_type_of_tomorrow_is_an_error_and_not_a_guess() {
        assert!(matches!(
            JobEvent::decode("escriba.job.queued.v2", &[]),
            Err(DecodeError::UnknownType(name)) if name.ends_with("v2")
        ));
    }

    #[test]
    fn the_trace_travels_in_the_headers() {
        let trace = Headers::from([("traceparent".to_owned(), "00-abc".to_owned())]);
        let message = event_message(&job_canceled(WorkspaceId::new(), JobId::new()), Utc::now(), &trace);
        assert_eq!(message.headers["traceparent"], "00-abc");
    }
}
