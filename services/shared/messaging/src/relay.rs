//! Publishes what the outbox holds and deletes rows only after JetStream has acknowledged them. Nothing else publishes
//! a job event or a work item.
//!
//! Every gateway runs a relay, and the one that holds the lease publishes. The others tell it of their commits, and
//! one of them takes over when it is gone. A message that two of them published all the same, because the lease
//! passed on between a check and an acknowledgement, is stored once: both used the row's id.

mod lease;
mod line;
mod publish;

use std::time::Duration;

use async_nats::Subscriber;
use escriba_database::Database;
use escriba_events::STREAMS;
use futures_util::{StreamExt, future::join_all};
use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::Messaging;
use lease::Lease;
use line::Line;

/// Core NATS: there is something in the outbox. Lost ones are made up for by looking.
const NUDGE: &str = "relay.nudge";
/// How often a relay without the lease asks for it.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Runs until shutdown, and then once more, so that what was committed last is published too. Any number of gateways
/// run one over the same database.
pub async fn run(db: Database, messaging: Messaging, shutdown: CancellationToken) {
    let lease = Lease::new(db.clone());
    let relay = Relay { db, messaging, lease, shutdown };
    loop {
        let leads = match relay.lease.acquire().await {
            Ok(leads) => leads,
            Err(error) => {
                tracing::warn!(%error, "the relay's lease could not be asked for");
                false
            }
        };
        if leads {
            relay.lead().await;
        }
        if relay.shutdown.is_cancelled() {
            if !leads {
                relay.nudge_leader().await;
                relay.messaging.flush().await.ok();
            }
            return;
        }
        relay.follow().await;
    }
}

struct Relay {
    db: Database,
    messaging: Messaging,
    lease: Lease,
    shutdown: CancellationToken,
}

impl Relay {
    /// Publishes until the lease is lost, or until shutdown and what was committed before it.
    async fn lead(&self) {
        tracing::info!("this gateway relays");
        match self.messaging.client.subscribe(NUDGE).await {
            Ok(nudges) => {
                let (wake, woken) = watch::channel(());
                let lines = STREAMS.map(|stream| Line::new(stream, self).run(woken.clone()));
                // What is dropped here halfway was stored or not; its row is there, and the next leader finds it.
                tokio::select! {
                    _ = join_all(lines) => {}
                    () = self.wake_lines(nudges, wake) => {}
                    () = self.lease.keep() => tracing::warn!("the relay's lease was lost"),
                }
            }
            Err(error) => tracing::error!(%error, "the relay cannot hear of commits"),
        }
        if let Err(error) = self.lease.release().await {
            tracing::warn!(%error, "the relay's lease could not be given back; another gateway waits until it ends");
        }
        for stream in &STREAMS {
            line::depth(stream).set(0);
        }
    }

    /// Tells the lines of commits here and elsewhere. After a reconnect the streams may be gone, and readers of
    /// events should not have to wait for the next message.
    async fn wake_lines(&self, mut nudges: Subscriber, wake: watch::Sender<()>) {
        let mut connects = self.messaging.connects();
        loop {
            tokio::select! {
                () = self.db.committed() => {}
                Some(_) = nudges.next() => {}
                Ok(()) = connects.changed() => self.restore_streams().await,
            }
            wake.send_replace(());
        }
    }

    async fn restore_streams(&self) {
        if let Err(error) = self.messaging.declare_streams_again().await {
            tracing::warn!(%error, "NATS is back; whether its streams are could not be seen");
        }
    }

    /// Tells the leader of commits here, until it is time to ask for the lease again.
    async fn follow(&self) {
        let pause = sleep(ASK_AGAIN);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = self.db.committed() => self.nudge_leader().await,
                () = &mut pause => return,
                () = self.shutdown.cancelled() => return,
            }
        }
    }

    async fn nudge_leader(&self) {
        // Into a lost connection it would come out late, and many at once.
        if self.messaging.ping().is_ok()
            && let Err(error) = self.messaging.client.publish(NUDGE, "".into()).await
        {
            tracing::debug!(%error, "the relay was not told of a commit");
        }
    }
}
