//! Finds chunks whose worker has fallen silent, and rings for them again. Any number of gateways may do this at once:
//! the row's lock lets only one of them act.

use escriba_database::{
    DatabaseError,
    chunks::{self, Chunk},
    jobs::{self, Ending},
};
use escriba_domain::{ChunkState, FailureCode, MAX_ATTEMPTS};

use super::{
    App, bells,
    end_job::{end_job, failure},
    release_chunk::put_back,
};

const BATCH: u64 = 100;

/// Puts every chunk with an expired lease back, or fails its job after the last attempt.
pub async fn requeue_silent(app: &App) -> Result<(), DatabaseError> {
    for chunk in chunks::expired(&app.db, BATCH).await? {
        requeue(app, &chunk).await?;
    }
    Ok(())
}

async fn requeue(app: &App, seen: &Chunk) -> Result<(), DatabaseError> {
    let tx = app.db.begin().await?;
    let Some(job) = jobs::lock(&tx, seen.job).await? else {
        return Ok(());
    };
    let Some(chunk) = chunks::lock(&tx, seen.id).await? else {
        return Ok(());
    };
    // It may have been renewed, ended or claimed anew since it was seen.
    let expired = chunk.lease_expires_at.is_some_and(|expires| expires < tx.now());
    if chunk.state != ChunkState::Running || !expired {
        return Ok(());
    }
    tracing::warn!(job = %job.id, chunk = %chunk.id, attempt = chunk.attempt, "a worker has fallen silent");
    let is_poison = chunk.attempt >= MAX_ATTEMPTS;
    if is_poison {
        end_job(&tx, &job, &Ending::Failed(failure(FailureCode::WorkerCrashed)), &job.trace).await?;
    } else {
        put_back(&tx, &job, &chunk, chunk.attempt).await?;
    }
    tx.commit().await?;
    if is_poison {
        bells::silence(app, &job).await;
    }
    Ok(())
}
