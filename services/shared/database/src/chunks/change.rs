//! Changes to a chunk's row. Whether a change is legal is decided by the caller, who holds the lock of its job.

use std::time::Duration;

use chrono::{DateTime, Utc};
use escriba_domain::{ChunkId, ChunkKind, ChunkState, JobId};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, ExprTrait},
};

use super::{Chunk, from_row};
use crate::{
    DatabaseError, Transaction,
    entity::chunk,
    jobs::{Job, NewJob},
};

/// The first chunk of a job: the whole recording, whose length is not yet known, or the span to be done again.
pub async fn insert_whole(tx: &Transaction, job: &NewJob) -> Result<ChunkId, DatabaseError> {
    let id = ChunkId::new();
    let from_ms = job.redo.map_or(0, |redo| redo.from_ms.cast_signed());
    let row = chunk::ActiveModel {
        id: Set(id.as_uuid()),
        job_id: Set(job.id.as_uuid()),
        workspace_id: Set(job.workspace.as_uuid()),
        lane: Set(job.options.lane.to_string()),
        model: Set(job.options.model.to_string()),
        kind: Set(ChunkKind::Whole.to_string()),
        position: Set(0),
        start_ms: Set(from_ms),
        end_ms: Set(job.redo.map(|redo| redo.to_ms.cast_signed())),
        work_ms: NotSet,
        state: Set(ChunkState::Queued.to_string()),
        ready_at: NotSet,
        ring: Set(1),
        attempt: NotSet,
        lease: NotSet,
        lease_expires_at: NotSet,
        worker_id: NotSet,
        through_ms: Set(from_ms),
        segment_count: NotSet,
        part_count: NotSet,
        speed: NotSet,
    };
    chunk::Entity::insert(row).exec_without_returning(&tx.inner).await?;
    Ok(id)
}

/// A span of a long recording whose speech is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewPart {
    pub id: ChunkId,
    /// From 1.
    pub position: u32,
    pub start_ms: u64,
    pub end_ms: u64,
    pub work_ms: u64,
}

pub async fn insert_part(tx: &Transaction, job: &Job, part: NewPart) -> Result<(), DatabaseError> {
    let row = chunk::ActiveModel {
        id: Set(part.id.as_uuid()),
        job_id: Set(job.id.as_uuid()),
        workspace_id: Set(job.workspace.as_uuid()),
        lane: Set(job.options.lane.to_string()),
        model: Set(job.options.model.to_string()),
        kind: Set(ChunkKind::Part.to_string()),
        position: Set(part.position.cast_signed()),
        start_ms: Set(part.start_ms.cast_signed()),
        end_ms: Set(Some(part.end_ms.cast_signed())),
        work_ms: Set(part.work_ms.cast_signed()),
        state: Set(ChunkState::Queued.to_string()),
        ready_at: NotSet,
        ring: Set(1),
        attempt: NotSet,
        lease: NotSet,
        lease_expires_at: NotSet,
        worker_id: NotSet,
        through_ms: Set(part.start_ms.cast_signed()),
        segment_count: NotSet,
        part_count: NotSet,
        speed: NotSet,
    };
    chunk::Entity::insert(row).exec_without_returning(&tx.inner).await?;
    Ok(())
}

/// The whole recording has so many parts by now, and the last of them ends at `through_ms`.
pub async fn note_part(tx: &Transaction, whole: ChunkId, count: u32, through_ms: u64) -> Result<(), DatabaseError> {
    let row = chunk::ActiveModel {
        part_count: Set(count.cast_signed()),
        through_ms: Set(through_ms.cast_signed()),
        ..unchanged()
    };
    update(tx, whole, row).await
}

/// Gives the chunk to a worker under a new lease, and says its number. Which attempt it is, is the caller's to say.
pub async fn claim(
    tx: &Transaction,
    chunk: &Chunk,
    attempt: u32,
    worker_id: &str,
    lease_time: Duration,
) -> Result<u64, DatabaseError> {
    let lease = chunk.lease + 1;
    let row = chunk::ActiveModel {
        state: Set(ChunkState::Running.to_string()),
        ready_at: Set(None),
        attempt: Set(attempt.cast_signed()),
        lease: Set(lease.cast_signed()),
        lease_expires_at: Set(Some(tx.now() + lease_time)),
        worker_id: Set(Some(worker_id.to_owned())),
        ..unchanged()
    };
    update(tx, chunk.id, row).await?;
    Ok(lease)
}

/// Keeps the lease for another while.
pub async fn renew(tx: &Transaction, id: ChunkId, lease_time: Duration) -> Result<(), DatabaseError> {
    update(tx, id, chunk::ActiveModel { lease_expires_at: Set(Some(tx.now() + lease_time)), ..unchanged() }).await
}

/// Milliseconds of recording a millisecond of work, of the attempt at it.
pub async fn note_speed(tx: &Transaction, id: ChunkId, speed: f64) -> Result<(), DatabaseError> {
    update(tx, id, chunk::ActiveModel { speed: Set(Some(speed)), ..unchanged() }).await
}

/// Where the next attempt resumes, now that these segments are committed.
pub async fn advance(tx: &Transaction, id: ChunkId, through_ms: u64, segment_count: u32) -> Result<(), DatabaseError> {
    let row = chunk::ActiveModel {
        through_ms: Set(through_ms.cast_signed()),
        segment_count: Set(segment_count.cast_signed()),
        ..unchanged()
    };
    update(tx, id, row).await
}

/// Ends the chunk in this state; nobody holds it any more.
pub async fn end(tx: &Transaction, id: ChunkId, state: ChunkState) -> Result<(), DatabaseError> {
    update(tx, id, ended(state)).await
}

/// Puts the chunk back in the queue, to be claimed at once. The attempts that count are the caller's to say.
pub async fn requeue(tx: &Transaction, chunk: &Chunk, attempt: u32) -> Result<(), DatabaseError> {
    update(tx, chunk.id, queued(attempt, None, chunk.ring + 1)).await
}

/// Puts the chunk back in the queue, to be claimed after a while. Nobody rings for it before.
pub async fn delay(tx: &Transaction, chunk: &Chunk, attempt: u32, wait: Duration) -> Result<(), DatabaseError> {
    update(tx, chunk.id, queued(attempt, Some(tx.now() + wait), chunk.ring)).await
}

/// A queued chunk may be claimed now, and is rung for once more.
pub async fn ring(tx: &Transaction, chunk: &Chunk) -> Result<(), DatabaseError> {
    let row = chunk::ActiveModel { ready_at: Set(None), ring: Set((chunk.ring + 1).cast_signed()), ..unchanged() };
    update(tx, chunk.id, row).await
}

/// Ends every unfinished chunk of a job that is over.
pub async fn end_unfinished(tx: &Transaction, job: JobId, state: ChunkState) -> Result<(), DatabaseError> {
    chunk::Entity::update_many()
        .set(ended(state))
        .filter(chunk::Column::JobId.eq(job.as_uuid()))
        .filter(chunk::Column::State.is_in([ChunkState::Queued.as_str(), ChunkState::Running.as_str()]))
        .exec(&tx.inner)
        .await?;
    Ok(())
}

/// Puts the chunks that a failed or canceled job left unfinished back in the queue, as if nobody had tried them, and
/// gives them in their order.
pub async fn reopen(tx: &Transaction, job: JobId) -> Result<Vec<Chunk>, DatabaseError> {
    let unfinished = [ChunkState::Failed.as_str(), ChunkState::Canceled.as_str()];
    let of_job = || chunk::Column::JobId.eq(job.as_uuid());
    chunk::Entity::update_many()
        .set(chunk::ActiveModel {
            state: Set(ChunkState::Queued.to_string()),
            attempt: Set(0),
            ready_at: Set(None),
            worker_id: Set(None),
            speed: Set(None),
            ..unchanged()
        })
        .col_expr(chunk::Column::Ring, Expr::col(chunk::Column::Ring).add(1))
        .filter(of_job())
        .filter(chunk::Column::State.is_in(unfinished))
        .exec(&tx.inner)
        .await?;
    let rows = chunk::Entity::find()
        .filter(of_job())
        .filter(chunk::Column::State.eq(ChunkState::Queued.as_str()))
        .order_by_asc(chunk::Column::Position)
        .all(&tx.inner)
        .await?;
    rows.into_iter().map(from_row).collect()
}

fn queued(attempt: u32, ready_at: Option<DateTime<Utc>>, ring: u32) -> chunk::ActiveModel {
    chunk::ActiveModel {
        state: Set(ChunkState::Queued.to_string()),
        ready_at: Set(ready_at),
        ring: Set(ring.cast_signed()),
        attempt: Set(attempt.cast_signed()),
        lease_expires_at: Set(None),
        worker_id: Set(None),
        speed: Set(None),
        ..unchanged()
    }
}

fn ended(state: ChunkState) -> chunk::ActiveModel {
    chunk::ActiveModel {
        state: Set(state.to_string()),
        ready_at: Set(None),
        lease_expires_at: Set(None),
        speed: Set(None),
        ..unchanged()
    }
}

async fn update(tx: &Transaction, id: ChunkId, row: chunk::ActiveModel) -> Result<(), DatabaseError> {
    chunk::Entity::update_many().set(row).filter(chunk::Column::Id.eq(id.as_uuid())).exec(&tx.inner).await?;
    Ok(())
}

fn unchanged() -> chunk::ActiveModel {
    <chunk::ActiveModel as ActiveModelTrait>::default()
}
