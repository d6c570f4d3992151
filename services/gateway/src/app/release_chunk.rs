//! A worker that stops for reasons of its own hands its chunk back; the next one resumes where it stood.

use escriba_database::{
    DatabaseError, Transaction,
    chunks::{self, Chunk},
    jobs::{self, Job},
    outbox,
};
use escriba_events::{WorkItem, work_message};

use super::{
    App,
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
    jobs::forget_time_left(tx, job.id).await?;
    let item = WorkItem {
        workspace_id: job.workspace,
        job_id: job.id,
        chunk_id: chunk.id,
        lane: job.options.lane,
        model: job.options.model.clone(),
        ring: chunk.ring + 1,
    };
    outbox::append(tx, work_message(&item, &job.trace)).await
}
