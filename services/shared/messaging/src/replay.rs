//! Events of one job, from any point of the stream on: what a browser's event stream is made of.

use async_nats::jetstream::consumer::{DeliverPolicy, pull::OrderedConfig};
use escriba_domain::{JobId, WorkspaceId};
use escriba_events::{EVENTS, JobEvent, job_events_filter};
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

impl Messaging {
    /// The job's events after `after`, first the kept ones, then new ones as they come. Ends only with an error.
    pub async fn replay_events(
        &self,
        workspace: WorkspaceId,
        job: JobId,
        after: Option<u64>,
    ) -> Result<impl Stream<Item = Result<EventAt, MessagingError>> + Send + use<>, MessagingError> {
        let failed = || MessagingError::jetstream("read events");
        let stream = self.jetstream.get_stream(EVENTS.name).await.map_err(|error| failed()(error.into()))?;
        let deliver_policy = match after {
            None => DeliverPolicy::All,
            Some(sequence) => DeliverPolicy::ByStartSequence { start_sequence: sequence + 1 },
        };
        let config = OrderedConfig {
            filter_subject: job_events_filter(workspace, job),
            deliver_policy,
            ..OrderedConfig::default()
        };
        let consumer = stream.create_consumer(config).await.map_err(|error| failed()(error.into()))?;
        let messages = consumer.messages().await.map_err(|error| failed()(error.into()))?;
        Ok(messages.filter_map(|message| async move {
            match message {
                Ok(message) => read(&message).map(Ok),
                Err(error) => Some(Err(MessagingError::jetstream("read events")(error.into()))),
            }
        }))
    }
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
