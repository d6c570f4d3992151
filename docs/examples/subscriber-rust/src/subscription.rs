//! The durable pull consumer: events in order, each acknowledged once it is on the disk. Whatever breaks — the
//! connection, the stream, the consumer — it subscribes anew and goes on where the server knows it stopped.

use std::{convert::Infallible, future::Future, time::Duration};

use async_nats::{
    Client,
    jetstream::{
        self, AckKind, Context, Message,
        consumer::{AckPolicy, DeliverPolicy, pull},
        stream::State,
    },
};
use futures_util::StreamExt;

use crate::{
    event::{Event, Unreadable},
    output::{Output, OutputError},
};

const STREAM: &str = "EVENTS";
/// After this long without an acknowledgement an event is delivered again. Writing one takes milliseconds.
const ACK_WAIT: Duration = Duration::from_secs(10);
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Which consumer, of which events.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) durable: String,
    pub(crate) filter: String,
}

#[derive(Debug, thiserror::Error)]
enum FollowError {
    /// The file fails: there is no use in going on.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// NATS fails: another try may do.
    #[error("events cannot be read: {0}")]
    Nats(async_nats::Error),
}

fn nats(error: impl Into<async_nats::Error>) -> FollowError {
    FollowError::Nats(error.into())
}

impl Subscription {
    /// Runs until it is told to stop, or the file fails.
    pub(crate) async fn follow(
        &self,
        client: &Client,
        output: &mut Output,
        stop: impl Future<Output = ()>,
    ) -> Result<(), OutputError> {
        let jetstream = jetstream::new(client.clone());
        tokio::pin!(stop);
        loop {
            // To stop in the middle of a message is safe: what is not acknowledged comes again, and is known by then.
            let ended = tokio::select! {
                () = &mut stop => return Ok(()),
                ended = self.pull(&jetstream, output) => ended,
            };
            match ended {
                Err(FollowError::Output(error)) => return Err(error),
                Err(error @ FollowError::Nats(_)) => tracing::warn!(%error, "it will be tried again"),
            }
            tokio::select! {
                () = &mut stop => return Ok(()),
                () = tokio::time::sleep(RETRY_PAUSE) => {}
            }
        }
    }

    async fn pull(&self, jetstream: &Context, output: &mut Output) -> Result<Infallible, FollowError> {
        let stream = jetstream.get_stream(STREAM).await.map_err(nats)?;
        warn_of_gaps(&stream.cached_info().state, output.last_sequence());
        let consumer = stream.create_consumer(self.config()).await.map_err(nats)?;
        // async-nats 0.51: a heartbeat makes `batch()` hang, but `stream()` notices by it that the server is gone.
        let mut messages = consumer.stream().heartbeat(Duration::from_secs(2)).messages().await.map_err(nats)?;
        tracing::info!(durable = self.durable, "following");
        while let Some(message) = messages.next().await {
            settle(&message.map_err(nats)?, output).await?;
        }
        Err(nats("the subscription ended"))
    }

    fn config(&self) -> pull::Config {
        pull::Config {
            durable_name: Some(self.durable.clone()),
            filter_subject: self.filter.clone(),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            // One at a time keeps the order: no event is delivered while an earlier one may still come again.
            max_ack_pending: 1,
            ..pull::Config::default()
        }
    }
}

/// Says so when events left the stream before this subscriber read them: the HTTP interface still knows the jobs.
fn warn_of_gaps(stream: &State, last_sequence: u64) {
    if last_sequence > stream.last_sequence {
        tracing::warn!("the stream was made anew; what happened meanwhile is known to the HTTP interface only");
    } else if last_sequence > 0 && stream.first_sequence > last_sequence + 1 {
        let (from, to) = (last_sequence + 1, stream.first_sequence - 1);
        tracing::warn!(from, to, "events have left the stream unread; ask the HTTP interface about the jobs");
    }
}

/// Writes and acknowledges. Acknowledgements are not waited for: one that is lost brings a repeat, and an answer to it
/// would prove nothing, since it can come from a stream that is gone.
async fn settle(message: &Message, output: &mut Output) -> Result<(), FollowError> {
    let sequence = message.info().map_err(FollowError::Nats)?.stream_sequence;
    let settlement = match Event::read(message.headers.as_ref(), &message.payload) {
        Ok(event) if output.knows(&event.id) => AckKind::Ack,
        Ok(event) => {
            output.append(&event, sequence)?;
            AckKind::Ack
        }
        Err(error @ Unreadable::UnknownType(_)) => {
            tracing::info!(%error, sequence, "passed over");
            AckKind::Ack
        }
        Err(error) => {
            tracing::error!(%error, sequence, subject = %message.subject, "no event; it is terminated");
            AckKind::Term
        }
    };
    message.ack_with(settlement).await.map_err(FollowError::Nats)
}
