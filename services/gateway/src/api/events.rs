//! `/v1/jobs/{id}/events`: what happens to a job, as server-sent events, resumable.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::BoxStream};
use poem::web::sse::Event;
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Header, Path},
    payload::EventStream,
    types::ToJSON,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    authentication::ApiKey,
    document::Group,
    events_view::NamedEvent,
    problem::{Failure, failure, invalid},
};
use crate::app::{App, follow_job::follow_job};

const HEARTBEAT: Duration = Duration::from_secs(15);

pub struct EventsApi {
    pub(super) app: Arc<App>,
    pub(super) shutdown: CancellationToken,
}

type Events = EventStream<BoxStream<'static, NamedEvent>>;

#[derive(ApiResponse)]
enum EventsResponse {
    /// Events, each with a name and, where it is kept, an id to resume from. Ends when the job has ended.
    #[oai(status = 200)]
    Events(
        Events,
        #[oai(header = "Cache-Control")] String,
        /// Keeps proxies from holding events back.
        #[oai(header = "X-Accel-Buffering")]
        String,
    ),
}

#[OpenApi(tag = "Group::Jobs")]
impl EventsApi {
    /// Follow a job
    ///
    /// Server-sent events: `job.queued`, `job.started`, `job.progress`, `job.segments_added`, `job.completed`,
    /// `job.failed`, `job.canceled`, `job.transcript_edited` and `job.deleted`. All but progress carry an `id`; a client
    /// that reconnects with it in `Last-Event-ID` misses none of them.
    #[oai(path = "/v1/jobs/:id/events", method = "get", operation_id = "followJob")]
    async fn follow(
        &self,
        key: ApiKey,
        /// The job's id.
        id: Path<Uuid>,
        /// The `id` of the last event that was received.
        #[oai(name = "Last-Event-ID")]
        last_event_id: Header<Option<String>>,
    ) -> Result<EventsResponse, Failure> {
        let after = parse_event_id(last_event_id.0)?;
        let happenings = follow_job(&self.app, key.0, id.0.into(), after)
            .await
            .map_err(|error| failure(error.kind(), "job_not_found", &error))?;
        let events = happenings.map(NamedEvent::from).take_until(self.shutdown.clone().cancelled_owned()).boxed();
        let stream = EventStream::new(events).to_event(|named| {
            let event = Event::message(named.data.to_json_string()).event_type(named.name);
            match named.id {
                Some(id) => event.id(id.to_string()),
                None => event,
            }
        });
        let stream = stream.keep_alive(HEARTBEAT);
        Ok(EventsResponse::Events(stream, "no-cache".to_owned(), "no".to_owned()))
    }
}

fn parse_event_id(id: Option<String>) -> Result<Option<u64>, Failure> {
    let wrong = |_| invalid("event_id_invalid", "`Last-Event-ID` is not the id of an event of this stream.");
    id.filter(|id| !id.is_empty()).map(|id| id.parse().map_err(wrong)).transpose()
}
