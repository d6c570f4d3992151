//! What waits for one stream. Each stream has a line of its own, so that none waits for another that is full.
//!
//! Messages of one job go out one at a time, in the order they were written; those of different jobs side by side. One
//! that is refused keeps the later ones of its job back, and no others. A message that is too large for the stream
//! stays where it is and keeps its job's later ones back, because an order with a hole in it would be a lie; it is
//! named in the log every minute, until somebody raises the limit or deletes the row.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use escriba_database::{
    Database, DatabaseError,
    outbox::{self, Pending},
};
use escriba_domain::{JobId, OutboxId};
use escriba_events::StreamPlan;
use futures_util::{StreamExt, stream};
use metrics::Gauge;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    Relay,
    lease::Lease,
    publish::{Refusal, publish},
};
use crate::{Messaging, MessagingError};

const PAGE: u64 = 128;
/// How many jobs' messages are on the way at once. When this many in a row are not taken, the stream takes none.
const SIDE_BY_SIDE: usize = 32;
/// What a nudge did not tell of, and what was refused, is found this often.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const COMPLAIN_EVERY: Duration = Duration::from_mins(1);

#[derive(Debug, thiserror::Error)]
enum LineError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Messaging(#[from] MessagingError),
    #[error("the pass was broken off: {0}")]
    Over(Over),
}

/// Why a pass ends early.
#[derive(Debug, Clone, thiserror::Error)]
enum Over {
    #[error("the relay's lease may have run out")]
    LeaseRanOut,
    #[error("the stream is gone")]
    NoStream,
    #[error("the stream takes no messages: {0}")]
    NothingTaken(Refusal),
}

/// The number of messages that wait for a stream.
pub(super) fn depth(stream: &StreamPlan) -> Gauge {
    metrics::gauge!("escriba_outbox_messages", "stream" => stream.name)
}

pub(super) struct Line<'a> {
    stream: StreamPlan,
    db: &'a Database,
    messaging: &'a Messaging,
    lease: &'a Lease,
    shutdown: &'a CancellationToken,
    complained: Option<Instant>,
}

/// What one pass has met so far.
#[derive(Default)]
struct Pass {
    refused: Vec<Refused>,
    refused_in_a_row: AtomicUsize,
    /// Once set, nothing more is sent: what was left out would be overtaken.
    over: OnceLock<Over>,
}

/// A message that keeps back the later ones of its job.
struct Refused {
    job: JobId,
    id: OutboxId,
    why: Refusal,
}

impl<'a> Line<'a> {
    pub(super) fn new(stream: StreamPlan, relay: &'a Relay) -> Self {
        let Relay { db, messaging, lease, shutdown } = relay;
        Self { stream, db, messaging, lease, shutdown, complained: None }
    }

    /// Runs until shutdown, and then once more.
    pub(super) async fn run(mut self, mut woken: watch::Receiver<()>) {
        let mut connects = self.messaging.connects();
        let mut failures = 0_u32;
        loop {
            let stopping = self.shutdown.is_cancelled();
            match self.pass().await {
                Ok(()) => failures = 0,
                Err(error) => {
                    failures += 1;
                    let stream = self.stream.name;
                    tracing::warn!(%error, stream, failures, "the outbox could not be published; it will be tried again");
                }
            }
            if stopping {
                return;
            }
            let pause = if failures == 0 { LOOK_AGAIN } else { backoff(failures) };
            tokio::select! {
                Ok(()) = woken.changed(), if failures == 0 => {}
                Ok(()) = connects.changed() => {}
                () = sleep(pause) => {}
                () = self.shutdown.cancelled() => {}
            }
        }
    }

    /// Publishes what waits now, page after page: what is refused at the head keeps nobody else.
    async fn pass(&mut self) -> Result<(), LineError> {
        let prefix = self.stream.subject_prefix();
        let waiting = outbox::waiting(self.db, prefix).await?;
        #[allow(clippy::cast_precision_loss, reason = "a gauge is a float, and nobody counts that many messages")]
        depth(&self.stream).set(waiting.messages as f64);
        if waiting.messages == 0 {
            return Ok(());
        }
        self.messaging.ping()?;
        let mut pass = Pass::default();
        let done = self.publish_pages(waiting.last, &mut pass).await;
        self.complain(&pass.refused);
        done
    }

    async fn publish_pages(&self, last: i64, pass: &mut Pass) -> Result<(), LineError> {
        let mut after = 0;
        while after < last {
            let page = outbox::page(self.db, self.stream.subject_prefix(), (after, last), PAGE).await?;
            let Some(newest) = page.last() else { break };
            after = newest.position;
            self.publish_page(page, pass).await?;
            if let Some(over) = pass.over.take() {
                if matches!(over, Over::NoStream) {
                    self.messaging.declare_streams_again().await?;
                }
                return Err(LineError::Over(over));
            }
        }
        Ok(())
    }

    async fn publish_page(&self, page: Vec<Pending>, pass: &mut Pass) -> Result<(), LineError> {
        let kept_back: HashSet<JobId> = pass.refused.iter().map(|refused| refused.job).collect();
        let mut jobs: BTreeMap<JobId, Vec<Pending>> = BTreeMap::new();
        for pending in page.into_iter().filter(|pending| !kept_back.contains(&pending.message.job)) {
            jobs.entry(pending.message.job).or_default().push(pending);
        }
        let sending = jobs.into_values().map(|messages| self.publish_in_order(messages, pass));
        let sent: Vec<_> = stream::iter(sending).buffer_unordered(SIDE_BY_SIDE).collect().await;

        let mut taken = Vec::new();
        for (positions, refused) in sent {
            taken.extend(positions);
            pass.refused.extend(refused);
        }
        outbox::delete(self.db, &taken).await?;
        metrics::counter!("escriba_outbox_published_total").increment(taken.len() as u64);
        Ok(())
    }

    /// One job's messages, as far as they are taken, and the one that was not.
    async fn publish_in_order(&self, messages: Vec<Pending>, pass: &Pass) -> (Vec<i64>, Option<Refused>) {
        let mut taken = Vec::with_capacity(messages.len());
        for Pending { position, message } in messages {
            if !self.lease.holds() {
                pass.over.set(Over::LeaseRanOut).ok();
            }
            if pass.over.get().is_some() {
                break;
            }
            let (job, id) = (message.job, message.id);
            match publish(self.messaging, message).await {
                Ok(()) => {
                    pass.refused_in_a_row.store(0, Ordering::Relaxed);
                    taken.push(position);
                }
                Err(why) => {
                    pass.judge(&why);
                    return (taken, Some(Refused { job, id, why }));
                }
            }
        }
        (taken, None)
    }

    fn complain(&mut self, refused: &[Refused]) {
        if refused.is_empty() || self.complained.is_some_and(|at| at.elapsed() < COMPLAIN_EVERY) {
            return;
        }
        self.complained = Some(Instant::now());
        let stream = self.stream.name;
        let (hopeless, later): (Vec<_>, Vec<_>) =
            refused.iter().partition(|refused| matches!(refused.why, Refusal::TooLarge(_)));
        for Refused { job, id, why } in hopeless {
            tracing::error!(%job, message = %id, reason = %why, stream, "a message can never be published; it stays in the outbox");
        }
        if let Some(Refused { job, id, why }) = later.first() {
            let jobs = later.len();
            tracing::warn!(%job, message = %id, reason = %why, stream, jobs, "messages were not taken; they will be tried again");
        }
    }
}

impl Pass {
    /// Whether there is a point in sending more. One that is too large says nothing of the others.
    fn judge(&self, why: &Refusal) {
        match why {
            Refusal::TooLarge(_) => {}
            Refusal::NoStream => _ = self.over.set(Over::NoStream),
            Refusal::NotNow(_) => {
                if self.refused_in_a_row.fetch_add(1, Ordering::Relaxed) + 1 >= SIDE_BY_SIDE {
                    self.over.set(Over::NothingTaken(why.clone())).ok();
                }
            }
        }
    }
}

fn backoff(failures: u32) -> Duration {
    LONGEST_PAUSE.min(FIRST_PAUSE * 2_u32.saturating_pow((failures - 1).min(10)))
}
