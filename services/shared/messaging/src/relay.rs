//! Publishes what the outbox holds, in order, and deletes rows only after JetStream has acknowledged them. Nothing
//! else publishes a job event or a work item.

use std::time::Duration;

use escriba_database::{
    Database, DatabaseError,
    outbox::{self, Pending},
};
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
        let mut taken = Vec::with_capacity(pending.len());
        let published = publish_all(messaging, pending, &mut taken).await;
        outbox::delete(db, &taken).await?;
        metrics::counter!("escriba_outbox_published_total").increment(taken.len() as u64);
        published?;
    }
}

/// One after the other: a message must never overtake an earlier one that failed.
async fn publish_all(messaging: &Messaging, pending: Vec<Pending>, taken: &mut Vec<i64>) -> Result<(), MessagingError> {
    for Pending { position, message } in pending {
        let failed = || MessagingError::jetstream("take a message");
        let mut headers = headers::to_nats(&message.headers);
        headers.insert(async_nats::header::NATS_MESSAGE_ID, message.id.to_string());
        let ack = messaging
            .jetstream
            .publish_with_headers(message.subject, headers, message.payload.into())
            .await
            .map_err(|error| failed()(error.into()))?;
        ack.await.map_err(|error| failed()(error.into()))?;
        taken.push(position);
    }
    Ok(())
}

fn backoff(failures: u32) -> Duration {
    LONGEST_PAUSE.min(Duration::from_millis(250) * 2_u32.saturating_pow(failures.min(10)))
}
