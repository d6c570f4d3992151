//! `/v1/jobs/{id}/events`: what happens to a job, as server-sent events, resumable.

use std::{sync::Arc, time::Duration};

use escriba_domain::ApiKeyId;
use futures_util::{StreamExt, stream::BoxStream};
use poem::web::sse::Event;
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Header, Path, Query},
    payload::EventStream,
    types::ToJSON,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    authentication::{ApiKey, Read},
    document::Group,
    events_view::NamedEvent,
    problem::{Failure, failure, invalid},
};
use crate::app::{
    App,
    authenticate_caller::ended,
    follow_job::{Happening, follow_job},
    queue_moves::{Watched, with_moves},
};

const HEARTBEAT: Duration = Duration::from_secs(15);

pub struct EventsApi {
    pub(super) app: Arc<App>,
    pub(super) shutdown: CancellationToken,
}

type Events = EventStream<BoxStream<'static, NamedEvent>>;

#[derive(ApiResponse)]
pub(super) enum EventsResponse {
    /// Events, each with a name and, where it is kept, an id to resume from.
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
    /// `job.failed`, `job.canceled`, `job.transcript_edited` and `job.deleted`, and `queue.moved` if asked for. All but progress and moves carry
    /// an `id`; a client that reconnects with it in `Last-Event-ID` misses none of them. Segments come with their text,
    /// as soon as they are final. The stream ends when the job has ended.
    #[oai(path = "/v1/jobs/:id/events", method = "get", operation_id = "followJob")]
    async fn follow(
        &self,
        key: ApiKey<Read>,
        /// The job's id.
        id: Path<Uuid>,
        /// The `id` of the last event that was received.
        #[oai(name = "Last-Event-ID")]
        last_event_id: Header<Option<String>>,
        /// Whether `queue.moved` tells of the job's place while it waits, every few seconds if it changes.
        #[oai(default)]
        queue: Query<bool>,
    ) -> Result<EventsResponse, Failure> {
        let after = parse_event_id(last_event_id.0)?;
        let happenings = follow_job(&self.app, key.0, id.0.into(), after)
            .await
            .map_err(|error| failure(error.kind(), "job_not_found", &error))?;
        let watched = Watched { workspace: key.0, job: Some(id.0.into()) };
        let happenings = if queue.0 { with_moves(happenings, self.app.clone(), watched) } else { happenings };
        Ok(events(happenings, &self.app, key.caller().key, &self.shutdown))
    }
}

/// The stream for a caller with this key. It ends at the latest when the gateway stops or the key does.
pub(super) fn events(
    happenings: BoxStream<'static, Happening>,
    app: &Arc<App>,
    key: ApiKeyId,
    shutdown: &CancellationToken,
) -> EventsResponse {
    let (stopping, key_ended) = (shutdown.clone().cancelled_owned(), ended(app.clone(), key));
    let until = async move {
        tokio::select! {
            () = stopping => {}
            () = key_ended => {}
        }
    };
    let events = happenings.map(NamedEvent::from).take_until(Box::pin(until)).boxed();
    let stream = EventStream::new(events).to_event(|named| {
        let event = Event::message(named.data.to_json_string()).event_type(named.name);
        match named.id {
            Some(id) => event.id(id.to_string()),
            None => event,
        }
    });
    EventsResponse::Events(stream.keep_alive(HEARTBEAT), "no-cache".to_owned(), "no".to_owned())
}

pub(super) fn parse_event_id(id: Option<String>) -> Result<Option<u64>, Failure> {
    let wrong = |_| invalid("event_id_invalid", "`Last-Event-ID` is not the id of an event of this stream.");
    id.filter(|id| !id.is_empty()).map(|id| id.parse().map_err(wrong)).transpose()
}
