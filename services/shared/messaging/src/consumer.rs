//! Runs handlers on work items. Acknowledging, renewing and putting back are done here, by one owner, so that a
//! handler never sees an acker: it says how the item is settled.
//!
//! async-nats 0.51: a pull with an idle heartbeat can hang for ever, so none is asked for; and a double
//! acknowledgement can succeed on a stream that is gone, so nothing is concluded from one.

use std::{future::Future, sync::Arc, time::Duration};

use async_nats::jetstream::{
    AckKind, Message,
    consumer::{Consumer, pull},
};
use escriba_domain::{Lane, ModelName};
use escriba_events::WorkItem;
use escriba_runtime::trace_context;
use futures_util::StreamExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{Messaging, MessagingError, headers};

/// Four of these fit in the acknowledgement wait.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a free slot waits at one lane before it looks at the other.
const LANE_WAIT: Duration = Duration::from_secs(1);
const RETRY_PAUSE: Duration = Duration::from_secs(2);

/// What becomes of a work item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// Its purpose is served, or it has none: never deliver it again.
    Done,
    /// Deliver it again after this long.
    Again(Duration),
}

/// Answers a doorbell.
pub trait WorkHandler: Send + Sync + 'static {
    fn handle(&self, item: WorkItem) -> impl Future<Output = Settlement> + Send;
}

/// A number of slots, each taking one work item at a time.
#[derive(Debug, Clone)]
pub struct WorkRunner {
    pub messaging: Messaging,
    /// Whose work is taken.
    pub models: Vec<ModelName>,
    pub slots: usize,
}

impl WorkRunner {
    /// Runs until shutdown, and then until the handlers have returned.
    pub async fn run(self, handler: impl WorkHandler, shutdown: CancellationToken) {
        let handler = Arc::new(handler);
        let mut slots = JoinSet::new();
        for slot in 0..self.slots {
            let (runner, handler, shutdown) = (self.clone(), handler.clone(), shutdown.clone());
            slots.spawn(async move { runner.run_slot(slot, &*handler, &shutdown).await });
        }
        while let Some(ended) = slots.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a work slot died");
            }
        }
    }

    async fn run_slot(&self, slot: usize, handler: &impl WorkHandler, shutdown: &CancellationToken) {
        while !shutdown.is_cancelled() {
            if let Err(error) = self.serve(slot, handler, shutdown).await {
                tracing::warn!(%error, slot, "work cannot be taken; it will be tried again");
                tokio::select! {
                    () = tokio::time::sleep(RETRY_PAUSE) => {}
                    () = shutdown.cancelled() => {}
                }
            }
        }
    }

    async fn serve(
        &self,
        slot: usize,
        handler: &impl WorkHandler,
        shutdown: &CancellationToken,
    ) -> Result<(), MessagingError> {
        let interactive = self.consumers(Lane::Interactive).await?;
        let batch = self.consumers(Lane::Batch).await?;
        // Slots that find nothing wait at different models.
        let mut waiting = interactive.iter().cycle().skip(slot);
        while !shutdown.is_cancelled() {
            let mut taken = None;
            for consumer in interactive.iter().chain(&batch) {
                taken = take(consumer, None).await?;
                if taken.is_some() {
                    break;
                }
            }
            if taken.is_none()
                && let Some(consumer) = waiting.next()
            {
                taken = take(consumer, Some(LANE_WAIT)).await?;
            }
            if let Some(message) = taken {
                settle(message, slot, handler).await;
            }
        }
        Ok(())
    }

    async fn consumers(&self, lane: Lane) -> Result<Vec<Consumer<pull::Config>>, MessagingError> {
        let mut consumers = Vec::with_capacity(self.models.len());
        for model in &self.models {
            consumers.push(self.messaging.work_consumer(lane, model).await?);
        }
        Ok(consumers)
    }
}

/// One message, if there is one now or within the wait. Never abandoned half-way: a message that arrived for a pull
/// nobody reads any more would be lost until its acknowledgement wait is over.
async fn take(consumer: &Consumer<pull::Config>, wait: Option<Duration>) -> Result<Option<Message>, MessagingError> {
    let failed = || MessagingError::jetstream("give out work");
    let mut batch = match wait {
        Some(wait) => consumer.batch().max_messages(1).expires(wait).messages().await,
        None => consumer.fetch().max_messages(1).messages().await,
    }
    .map_err(|error| failed()(error.into()))?;
    batch.next().await.transpose().map_err(failed())
}

async fn settle(message: Message, slot: usize, handler: &impl WorkHandler) {
    let item = match WorkItem::decode(&message.payload) {
        Ok(item) => item,
        Err(error) => {
            tracing::error!(%error, subject = %message.subject, "a message on WORK is no work item; it is dropped");
            acknowledge(&message, AckKind::Term).await;
            return;
        }
    };
    let span = tracing::info_span!("work.process", job = %item.job_id, chunk = %item.chunk_id, ring = item.ring, slot);
    trace_context::adopt(&span, &headers::from_nats(message.headers.as_ref()));
    async {
        let settlement = {
            let work = handler.handle(item);
            tokio::pin!(work);
            loop {
                tokio::select! {
                    settlement = &mut work => break settlement,
                    () = tokio::time::sleep(HEARTBEAT) => acknowledge(&message, AckKind::Progress).await,
                }
            }
        };
        match settlement {
            Settlement::Done => {
                if let Err(error) = message.double_ack().await {
                    tracing::warn!(%error, "a work item was not acknowledged; its next delivery will be refused");
                }
            }
            Settlement::Again(delay) => acknowledge(&message, AckKind::Nak(Some(delay))).await,
        }
    }
    .instrument(span)
    .await;
}

async fn acknowledge(message: &Message, kind: AckKind) {
    if let Err(error) = message.ack_with(kind).await {
        tracing::warn!(%error, "NATS did not take an acknowledgement");
    }
}
