//! Keeps the search behind what is written, by a moment: text is indexed after it is committed, so that no worker and
//! no caller waits for that.

use std::time::Duration;

use escriba_database::{Database, search::index_stale, within_reason};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// What is written within so short a time is indexed together.
const PAUSE: Duration = Duration::from_millis(200);
/// What another gateway wrote, and perhaps did not live to index.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Indexes what is stale until shutdown. Several gateways may do this at once.
pub async fn run_until(db: &Database, shutdown: CancellationToken) {
    loop {
        let indexed = tokio::select! {
            () = shutdown.cancelled() => return,
            indexed = within_reason(index_stale(db)) => indexed,
        };
        match indexed {
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) => tracing::warn!(%error, "text could not be indexed; it will be tried again"),
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = next_text(db) => {}
        }
    }
}

async fn next_text(db: &Database) {
    tokio::select! {
        () = db.written() => sleep(PAUSE).await,
        () = sleep(LOOK_AGAIN) => {}
    }
}
