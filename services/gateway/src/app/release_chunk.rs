//! A worker that stops for reasons of its own hands its chunk back; the next one resumes where it stood.

use escriba_database::{
    DatabaseError, Transaction,
    chunks::{self, Chunk},
    jobs::{self, Job},
};
use escriba_events::WorkItem;

use super::{
    App, bells,
    hold::{Claimed, Held, hold},
};

pub async fn release_chunk(app: &App, claimed: Claimed, processing_ms: u64) -> Result<Held<()>, DatabaseError> {
    let tx = app.db.begin().await?;
    let (job, chunk) = match hold(&tx, claimed).await? {
        Held::Yes(held) => held,
        Held::No(lost) => return Ok(Held::No(lost)),
    };
    jobs::add_processing(&tx, job.id, processing_ms).await?;
    // Stopping is nobody's crash, so this attempt does not count.
    put_back(&tx, &job, &chunk, chunk.attempt.saturating_sub(1)).await?;
    tx.commit().await?;
    Ok(Held::Yes(()))
}

/// Queues the chunk again and rings for it.
pub(super) async fn put_back(tx: &Transaction, job: &Job, chunk: &Chunk, attempt: u32) -> Result<(), DatabaseError> {
    chunks::requeue(tx, chunk, attempt).await?;
    forget_time_left(tx, job).await?;
    bells::ring(tx, &WorkItem { ring: chunk.ring + 1, ..bells::item(chunk) }, &job.trace).await
}

/// While nobody works on a job, nobody knows how long it takes.
pub(super) async fn forget_time_left(tx: &Transaction, job: &Job) -> Result<(), DatabaseError> {
    let is_idle = chunks::sum_speed(tx, job.id).await? <= 0.0;
    if is_idle { jobs::note_time_left(tx, job.id, None).await } else { Ok(()) }
}
