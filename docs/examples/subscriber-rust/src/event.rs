//! From a message to an event: CloudEvents headers and a protobuf payload, as docs/events.md says. Nothing here talks
//! to NATS.

use async_nats::HeaderMap;
use prost::Message as _;
use serde_json::{Value, json};

/// The contract, generated from `events.proto`.
#[allow(
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::pedantic,
    dead_code,
    unreachable_pub,
    reason = "generated code"
)]
mod v1 {
    include!(concat!(env!("OUT_DIR"), "/escriba.v1.rs"));
}

/// A message that keeps the contract, of a type this program knows.
#[derive(Debug, PartialEq)]
pub(crate) struct Event {
    /// The same in every repeat.
    pub(crate) id: String,
    kind: String,
    time: String,
    workspace: String,
    job: String,
    /// What the type adds, in short: an object.
    essentials: Value,
}

/// Why there is no event in a message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// Nothing is wrong with it: the contract has grown since this program was made.
    #[error("events of the type `{0}` are not for this program")]
    UnknownType(String),
    /// It will never be readable, however often it is delivered.
    #[error("the header `{0}` is missing")]
    NoHeader(&'static str),
    #[error("the payload is `{0}`, not protobuf")]
    ContentType(String),
    #[error("the payload is not what its type says")]
    Payload(#[from] prost::DecodeError),
}

impl Event {
    pub(crate) fn read(headers: Option<&HeaderMap>, payload: &[u8]) -> Result<Self, Unreadable> {
        let header = |name: &'static str| {
            let value = headers.and_then(|headers| headers.get(name)).map(ToString::to_string);
            value.filter(|value| !value.is_empty()).ok_or(Unreadable::NoHeader(name))
        };
        let (id, kind, time) = (header("ce-id")?, header("ce-type")?, header("ce-time")?);
        let content_type = header("content-type")?;
        if content_type != "application/protobuf" {
            return Err(Unreadable::ContentType(content_type));
        }
        let Told { workspace, job, essentials } = Told::read(&kind, payload)?;
        Ok(Self { id, kind, time, workspace, job, essentials })
    }

    /// As it stands in the file.
    pub(crate) fn line(&self, sequence: u64) -> Value {
        let mut line = json!({
            "id": self.id,
            "sequence": sequence,
            "type": self.kind,
            "time": self.time,
            "workspace": self.workspace,
            "job": self.job,
        });
        for (name, value) in self.essentials.as_object().into_iter().flatten() {
            line[name] = value.clone();
        }
        line
    }
}

/// What a payload says.
struct Told {
    workspace: String,
    job: String,
    essentials: Value,
}

macro_rules! told {
    ($message:ty, $payload:expr, |$event:ident| $essentials:tt) => {{
        let $event = <$message>::decode($payload)?;
        let essentials = json!($essentials);
        Ok(Told { workspace: $event.workspace_id, job: $event.job_id, essentials })
    }};
}

impl Told {
    fn read(kind: &str, payload: &[u8]) -> Result<Self, Unreadable> {
        match kind {
            "escriba.job.queued.v1" => told!(v1::JobQueued, payload, |event| {
                "file_name": event.file_name, "media_bytes": event.media_bytes, "model": event.model, "run": event.run,
            }),
            "escriba.job.started.v1" => told!(v1::JobStarted, payload, |event| { "worker": event.worker_id }),
            "escriba.job.segments_added.v1" => told!(v1::JobSegmentsAdded, payload, |event| {
                "chunk": event.chunk_id,
                "chunk_position": event.chunk_position,
                "segments": event.segments.iter().map(segment).collect::<Vec<_>>(),
            }),
            "escriba.job.completed.v1" => told!(v1::JobCompleted, payload, |event| {
                "language": event.language, "audio_ms": event.audio_ms, "segment_count": event.segment_count,
            }),
            "escriba.job.failed.v1" => told!(v1::JobFailed, payload, |event| {
                "code": event.code, "message": event.message,
            }),
            "escriba.job.canceled.v1" => told!(v1::JobCanceled, payload, |event| {}),
            "escriba.job.deleted.v1" => told!(v1::JobDeleted, payload, |event| {}),
            unknown => Err(Unreadable::UnknownType(unknown.to_owned())),
        }
    }
}

fn segment(segment: &v1::Segment) -> Value {
    json!({ "index": segment.index, "start_ms": segment.start_ms, "end_ms": segment.end_ms, "text": segment.text })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn headers(kind: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("ce-id", "an-id"),
            ("ce-type", kind),
            ("ce-time", "2026-01-02T03:04:05.678Z"),
            ("content-type", "application/protobuf"),
        ] {
            headers.insert(name, value);
        }
        headers
    }

    pub(crate) fn canceled(id: &str) -> Event {
        let event = v1::JobCanceled { workspace_id: "a workspace".to_owned(), job_id: "a job".to_owned() };
        let mut headers = headers("escriba.job.canceled.v1");
        headers.insert("ce-id", id);
        Event::read(Some(&headers), &event.encode_to_vec()).unwrap()
    }

    #[test]
    fn segments_are_told_with_their_times() {
        let segment = v1::Segment { index: 3, start_ms: 5, end_ms: 9, text: "año".to_owned(), ..Default::default() };
        let added = v1::JobSegmentsAdded { segments: vec![segment], ..Default::default() };
        let event = Event::read(Some(&headers("escriba.job.segments_added.v1")), &added.encode_to_vec()).unwrap();
        let line = event.line(12);
        assert_eq!((&line["id"], &line["sequence"]), (&json!("an-id"), &json!(12)));
        assert_eq!(line["segments"], json!([{ "index": 3, "start_ms": 5, "end_ms": 9, "text": "año" }]));
    }

    #[test]
    fn what_the_contract_may_add_is_told_apart_from_what_breaks_it() {
        let read = |headers: Option<&HeaderMap>, payload: &[u8]| Event::read(headers, payload).unwrap_err();
        let tomorrow = headers("escriba.job.queued.v2");
        assert!(matches!(read(Some(&tomorrow), b"?"), Unreadable::UnknownType(_)));
        let known = headers("escriba.job.queued.v1");
        assert!(matches!(read(Some(&known), b"\xff\xff"), Unreadable::Payload(_)));
        assert!(matches!(read(None, b""), Unreadable::NoHeader("ce-id")));
        let mut json = known;
        json.insert("content-type", "application/json");
        assert!(matches!(read(Some(&json), b"{}"), Unreadable::ContentType(_)));
    }
}
