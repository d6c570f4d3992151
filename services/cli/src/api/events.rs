//! A job's events as the server streams them (SSE), read into values. Reconnecting is the reader's business: this
//! module knows one connection.

use escriba_domain::JobId;
use eventsource_stream::{Event, Eventsource};
use futures_util::{Stream, StreamExt};
use reqwest::{Method, header};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    ApiError, Client,
    jobs::{Remark, job_path},
};

/// What happened to a job.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum JobEvent {
    Queued,
    Started,
    Progress(Progress),
    Completed,
    Failed(Remark),
    Canceled,
    Deleted,
}

/// How far the transcription has got.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub(crate) struct Progress {
    /// Seconds of the recording that are done.
    pub(crate) processed: f64,
    /// Length of the recording in seconds, once it is known.
    #[serde(default)]
    pub(crate) duration: Option<f64>,
    /// Seconds of the recording done in a second.
    #[serde(default)]
    pub(crate) speed: Option<f64>,
    /// Seconds until it is done, while the server can tell.
    #[serde(default)]
    pub(crate) time_left: Option<f64>,
}

/// One message of the stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    /// Where a new connection goes on; progress has none, because it is not kept.
    pub(crate) id: Option<String>,
    /// `None` for events that say nothing to this program.
    pub(crate) event: Option<JobEvent>,
}

impl Client {
    /// The events of a job, from its first or from the one after `last_id`. The stream ends when the connection does.
    pub(crate) async fn events(
        &self,
        job: JobId,
        last_id: Option<&str>,
    ) -> Result<impl Stream<Item = Message> + Unpin + use<>, ApiError> {
        let request = self.request(Method::GET, &format!("{}/events", job_path(job)))?;
        let mut request = request.header(header::ACCEPT, "text/event-stream");
        if let Some(id) = last_id {
            request = request.header("Last-Event-ID", id);
        }
        let events = self.send(request).await?.bytes_stream().eventsource();
        // A broken connection is an ended one: the job itself tells how things stand.
        let readable = events.take_while(|event| std::future::ready(event.is_ok()));
        Ok(Box::pin(readable.filter_map(|event| std::future::ready(event.ok().map(read)))))
    }
}

fn read(event: Event) -> Message {
    let said = match event.event.as_str() {
        "job.queued" => Some(JobEvent::Queued),
        "job.started" => Some(JobEvent::Started),
        "job.progress" => data(&event).map(JobEvent::Progress),
        "job.completed" => Some(JobEvent::Completed),
        "job.failed" => Some(JobEvent::Failed(data(&event).unwrap_or_else(unexplained))),
        "job.canceled" => Some(JobEvent::Canceled),
        "job.deleted" => Some(JobEvent::Deleted),
        _ => None,
    };
    Message { id: Some(event.id).filter(|id| !id.is_empty()), event: said }
}

fn data<T: DeserializeOwned>(event: &Event) -> Option<T> {
    serde_json::from_str(&event.data).ok()
}

/// For a failure whose reason this version cannot read.
pub(crate) fn unexplained() -> Remark {
    Remark { code: "unknown".to_owned(), message: "The job failed.".to_owned() }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    async fn messages(text: &'static str) -> Vec<Message> {
        // Split in odd places, as a network does.
        let pieces = text.as_bytes().chunks(7).map(Ok::<_, std::io::Error>);
        stream::iter(pieces).eventsource().map(|event| read(event.unwrap())).collect().await
    }

    #[tokio::test]
    async fn events_become_values_with_the_place_to_go_on_from() {
        let text = ": hello\n\n\
            id: 7\nevent: job.queued\ndata: {}\n\n\
            id: 8\nevent: job.started\ndata: {\"attempt\":1}\n\n\
            event: job.progress\ndata: {\"processed\":2.5,\"duration\":11.0,\"speed\":8.1,\"time_left\":1.0}\n\n\
            id: 9\nevent: job.segments_added\ndata: {\"segments\":[]}\n\n\
            id: 10\nevent: job.failed\ndata: {\"code\":\"no_audio\",\"message\":\"It has no sound.\"}\n\n";
        let messages = messages(text).await;
        let events: Vec<_> = messages.iter().map(|message| message.event.clone()).collect();
        let failed = Remark { code: "no_audio".into(), message: "It has no sound.".into() };
        let progress = Progress { processed: 2.5, duration: Some(11.0), speed: Some(8.1), time_left: Some(1.0) };
        assert_eq!(
            events,
            [
                Some(JobEvent::Queued),
                Some(JobEvent::Started),
                Some(JobEvent::Progress(progress)),
                None,
                Some(JobEvent::Failed(failed)),
            ]
        );
        assert_eq!(messages[4].id.as_deref(), Some("10"));
    }

    #[tokio::test]
    async fn progress_of_a_recording_of_unknown_length_is_read_and_nonsense_is_not() {
        let text = "event: job.progress\ndata: {\"processed\":1,\"duration\":null,\"speed\":null}\n\n\
            event: job.progress\ndata: later\n\n\
            event: job.failed\ndata: nonsense\n\n";
        let events: Vec<_> = messages(text).await.into_iter().map(|message| message.event).collect();
        let progress = Progress { processed: 1.0, duration: None, speed: None, time_left: None };
        assert_eq!(events, [Some(JobEvent::Progress(progress)), None, Some(JobEvent::Failed(unexplained()))]);
    }
}
