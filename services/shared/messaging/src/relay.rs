//! Publishes what the outbox holds, in order, and deletes a row only after JetStream has acknowledged it. Nothing
//! else publishes a job event or a work item.

use std::time::Duration;

use async_nats::jetstream::context::PublishAckFuture;
use escriba_database::{Database, DatabaseError, outbox};
use tokio_util::sync::CancellationToken;

use crate::{Messaging, MessagingError, headers};

const BATCH: u64 = 64;
/// Other gateways' commits, and rows left by a crash, are found this often.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Messaging(#[from] MessagingError),
}

/// Runs until shutdown, and then once more, so that what was committed last is published too.
pub async fn run(db: Database, messaging: Messaging, shutdown: CancellationToken) {
    let mut failures = 0_u32;
    loop {
        let stopping = shutdown.is_cancelled();
        match drain(&db, &messaging).await {
            Ok(()) => failures = 0,
            Err(error) => {
                failures += 1;
                tracing::warn!(%error, failures, "the outbox could not be published; it will be tried again");
            }
        }
        if stopping {
            break;
        }
        let pause = if failures == 0 { LOOK_AGAIN } else { backoff(failures) };
        tokio::select! {
            () = db.committed(), if failures == 0 => {}
            () = tokio::time::sleep(pause) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

async fn drain(db: &Database, messaging: &Messaging) -> Result<(), RelayError> {
    loop {
        let pending = outbox::oldest(db, BATCH).await?;
        if pending.is_empty() {
            return Ok(());
        }
        // Sent together, acknowledged in order: the server keeps the order of one connection.
        let mut sent = Vec::with_capacity(pending.len());
        for row in pending {
            sent.push((row.position, publish(messaging, row.message).await?));
        }
        for (position, ack) in sent {
            ack.await.map_err(|error| MessagingError::jetstream("take a message")(error.into()))?;
            outbox::delete(db, position).await?;
            metrics::counter!("escriba_outbox_published_total").increment(1);
        }
    }
}

async fn publish(messaging: &Messaging, message: escriba_events::Message) -> Result<PublishAckFuture, MessagingError> {
    let mut headers = headers::to_nats(&message.headers);
    headers.insert(async_nats::header::NATS_MESSAGE_ID, message.id.to_string());
    messaging
        .jetstream
        .publish_with_headers(message.subject, headers, message.payload.into())
        .await
        .map_err(|error| MessagingError::jetstream("take a message")(error.into()))
}

fn backoff(failures: u32) -> Duration {
    LONGEST_PAUSE.min(Duration::from_millis(250) * 2_u32.saturating_pow(failures.min(10)))
}
