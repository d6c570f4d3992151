//! Events of one job or of a whole workspace, from any point of the stream on: what a browser's event stream is made
//! of.

use async_nats::jetstream::{
    consumer::{DeliverPolicy, pull::OrderedConfig},
    stream::{State, Stream as NatsStream},
};
use escriba_domain::{JobId, WorkspaceId};
use escriba_events::{EVENTS, JobEvent, job_events_filter, workspace_events_filters};
use futures_util::{Stream, StreamExt};

use crate::{Messaging, MessagingError, headers};

/// An event and its place in the stream, from which a reader can resume.
#[derive(Debug, Clone)]
pub struct EventAt {
    pub sequence: u64,
    /// When it happened: RFC 3339, UTC.
    pub time: String,
    pub event: JobEvent,
}

/// Which events of a workspace.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Type names, as in [`JobEvent::NAMES`]; none: all.
    pub types: Vec<&'static str>,
    pub job: Option<JobId>,
}

/// Where a reader comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entrance {
    /// The reader gets what comes after this.
    pub after: u64,
    /// The stream no longer keeps, or never had, what the reader asked to go on from: events may be missing.
    pub is_gap: bool,
}

impl Messaging {
    /// The job's events after `after`, first the kept ones, then new ones as they come. Ends only with an error.
    pub async fn replay_events(
        &self,
        workspace: WorkspaceId,
        job: JobId,
        after: Option<u64>,
    ) -> Result<impl Stream<Item = Result<EventAt, MessagingError>> + Send + use<>, MessagingError> {
        let stream = self.events().await?;
        let entrance = enter(&stream.cached_info().state, after.unwrap_or(0));
        replay(&stream, vec![job_events_filter(workspace, job)], entrance).await
    }

    /// The workspace's events after `after`, or from now on; 0 means from the oldest that is kept. Ends only with an
    /// error.
    pub async fn replay_workspace(
        &self,
        workspace: WorkspaceId,
        filter: &EventFilter,
        after: Option<u64>,
    ) -> Result<(Entrance, impl Stream<Item = Result<EventAt, MessagingError>> + Send + use<>), MessagingError> {
        let stream = self.events().await?;
        let state = &stream.cached_info().state;
        let entrance = enter(state, after.unwrap_or(state.last_sequence));
        let filters = workspace_events_filters(workspace, &filter.types, filter.job);
        Ok((entrance, replay(&stream, filters, entrance).await?))
    }

    async fn events(&self) -> Result<NatsStream, MessagingError> {
        self.jetstream.get_stream(EVENTS.name).await.map_err(|error| failed(error.into()))
    }
}

/// A stream that was made anew begins before what its readers saw last; all of it is new to them.
fn enter(state: &State, after: u64) -> Entrance {
    let before_first = state.first_sequence.saturating_sub(1);
    let is_gap = after > state.last_sequence || (after > 0 && after < before_first);
    Entrance { after: if is_gap { before_first } else { after.max(before_first) }, is_gap }
}

async fn replay(
    stream: &NatsStream,
    filter_subjects: Vec<String>,
    entrance: Entrance,
) -> Result<impl Stream<Item = Result<EventAt, MessagingError>> + Send + use<>, MessagingError> {
    let config = OrderedConfig {
        filter_subjects,
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: entrance.after + 1 },
        ..OrderedConfig::default()
    };
    let consumer = stream.create_consumer(config).await.map_err(|error| failed(error.into()))?;
    let messages = consumer.messages().await.map_err(|error| failed(error.into()))?;
    Ok(messages.filter_map(|message| async move {
        match message {
            Ok(message) => read(&message).map(Ok),
            Err(error) => Some(Err(failed(error.into()))),
        }
    }))
}

fn failed(error: async_nats::Error) -> MessagingError {
    MessagingError::jetstream("read events")(error)
}

/// A message that is not an event of this version is passed over.
fn read(message: &async_nats::jetstream::Message) -> Option<EventAt> {
    let sequence = message.info().ok()?.stream_sequence;
    let mut headers = headers::from_nats(message.headers.as_ref());
    match JobEvent::decode(headers.get("ce-type")?, &message.payload) {
        Ok(event) => Some(EventAt { sequence, time: headers.remove("ce-time").unwrap_or_default(), event }),
        Err(error) => {
            tracing::warn!(%error, sequence, "an event could not be read");
            None
        }
    }
}
