//! Runs handlers on work items. Acknowledging, renewing and putting back are done here, by one owner, so that a
//! handler never sees an acker: it says how the item is settled.
//!
//! async-nats 0.51: a double acknowledgement can succeed on a stream that is gone, so nothing is concluded from one.

mod taps;

use std::{future::Future, sync::Arc, time::Duration};

use async_nats::jetstream::{AckKind, Message};
use escriba_domain::ModelName;
use escriba_events::WorkItem;
use escriba_runtime::trace_context;
use tokio::{
    sync::{Semaphore, watch},
    task::{JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{Messaging, headers};
use taps::Taps;

/// Four of these fit in the acknowledgement wait.
const HEARTBEAT: Duration = Duration::from_secs(15);
const RETRY_PAUSE: Duration = Duration::from_millis(500);

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

/// A number of slots, each working on one item at a time.
#[derive(Debug)]
pub struct WorkRunner {
    messaging: Messaging,
    models: Vec<ModelName>,
    slots: usize,
    busy: watch::Sender<usize>,
}

impl WorkRunner {
    /// Takes work of `models`; the first one is asked for first.
    pub fn new(messaging: Messaging, models: Vec<ModelName>, slots: usize) -> Self {
        Self { messaging, models, slots, busy: watch::Sender::new(0) }
    }

    /// How many slots are at work, now and from now on.
    pub fn busy(&self) -> watch::Receiver<usize> {
        self.busy.subscribe()
    }

    /// Runs until shutdown, and then until the handlers have returned.
    pub async fn run(self, handler: impl WorkHandler, shutdown: CancellationToken) {
        let mut working = JoinSet::new();
        match Taps::new(&self.messaging, &self.models).await {
            Ok(mut taps) => {
                tokio::select! {
                    biased;
                    () = shutdown.cancelled() => {}
                    () = self.keep_taking(&mut taps, &mut working, Arc::new(handler)) => {}
                }
                taps.close().await;
            }
            Err(error) => tracing::error!(%error, "no work can be taken"),
        }
        while let Some(ended) = working.join_next().await {
            log_death(ended);
        }
    }

    /// Dropping it takes no more, and leaves what is being worked on alone.
    async fn keep_taking(&self, taps: &mut Taps, working: &mut JoinSet<()>, handler: Arc<impl WorkHandler>) {
        let slots = Arc::new(Semaphore::new(self.slots));
        loop {
            let Ok(slot) = taps.refuse_until(slots.clone().acquire_owned()).await else { return };
            while let Some(ended) = working.try_join_next() {
                log_death(ended);
            }
            match taps.take().await {
                Ok(message) => {
                    let (handler, at_work) = (handler.clone(), AtWork::new(self.busy.clone()));
                    working.spawn(async move {
                        let _held_to_the_end = (slot, at_work);
                        settle(message, &*handler).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "work cannot be taken; it will be tried again");
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
    }
}

/// One slot at work, also when its handler panics.
struct AtWork(watch::Sender<usize>);

impl AtWork {
    fn new(busy: watch::Sender<usize>) -> Self {
        busy.send_modify(|busy| *busy += 1);
        Self(busy)
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.send_modify(|busy| *busy -= 1);
    }
}

fn log_death(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a handler died; its item will be delivered again");
    }
}

async fn settle(message: Message, handler: &impl WorkHandler) {
    let item = match WorkItem::decode(&message.payload) {
        Ok(item) => item,
        Err(error) => {
            tracing::error!(%error, subject = %message.subject, "a message on WORK is no work item; it is dropped");
            acknowledge(&message, AckKind::Term).await;
            return;
        }
    };
    let span = tracing::info_span!("work.process", job = %item.job_id, chunk = %item.chunk_id, ring = item.ring);
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
