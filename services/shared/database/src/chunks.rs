//! Chunks and the leases on them. A lease is a number that grows at each claim; a report under an older number is a
//! stale worker's. Expiry is judged by the database's clock.

use std::time::Duration;

use chrono::{DateTime, Utc};
use escriba_domain::{ChunkId, ChunkState, JobId};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};

use crate::{Database, DatabaseError, Transaction, entity::chunk, jobs::word};

/// A span of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    pub id: ChunkId,
    pub job: JobId,
    pub position: u32,
    pub state: ChunkState,
    /// How often it has been put in the queue.
    pub ring: u32,
    /// How often it has been claimed.
    pub attempt: u32,
    pub lease: u64,
    pub lease_expires_at: Option<DateTime<Utc>>,
    /// Everything before this is in committed segments.
    pub through_ms: u64,
    pub segment_count: u32,
}

/// The one chunk of a job whose length is not yet known: the whole recording.
pub async fn insert_whole(tx: &Transaction, job: JobId) -> Result<ChunkId, DatabaseError> {
    let id = ChunkId::new();
    let row = chunk::ActiveModel {
        id: Set(id.as_uuid()),
        job_id: Set(job.as_uuid()),
        position: Set(0),
        start_ms: Set(0),
        end_ms: Set(None),
        state: Set(ChunkState::Queued.to_string()),
        ring: Set(1),
        attempt: NotSet,
        lease: NotSet,
        lease_expires_at: NotSet,
        worker_id: NotSet,
        through_ms: NotSet,
        segment_count: NotSet,
    };
    chunk::Entity::insert(row).exec_without_returning(&tx.inner).await?;
    Ok(id)
}

/// The chunk, kept from changing until the transaction ends. Lock its job first, always in that order.
pub async fn lock(tx: &Transaction, id: ChunkId) -> Result<Option<Chunk>, DatabaseError> {
    let mut query = chunk::Entity::find_by_id(id.as_uuid());
    if tx.is_postgres() {
        query = query.lock_exclusive();
    }
    query.one(&tx.inner).await?.map(from_row).transpose()
}

/// Gives the chunk to a worker under a new lease, and says its number.
pub async fn claim(
    tx: &Transaction,
    chunk: &Chunk,
    worker_id: &str,
    lease_time: Duration,
) -> Result<u64, DatabaseError> {
    let lease = chunk.lease + 1;
    let row = chunk::ActiveModel {
        state: Set(ChunkState::Running.to_string()),
        attempt: Set((chunk.attempt + 1).cast_signed()),
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
    let row = chunk::ActiveModel { state: Set(state.to_string()), lease_expires_at: Set(None), ..unchanged() };
    update(tx, id, row).await
}

/// Puts the chunk back in the queue. The attempts that count are the caller's to say.
pub async fn requeue(tx: &Transaction, chunk: &Chunk, attempt: u32) -> Result<(), DatabaseError> {
    let row = chunk::ActiveModel {
        state: Set(ChunkState::Queued.to_string()),
        ring: Set((chunk.ring + 1).cast_signed()),
        attempt: Set(attempt.cast_signed()),
        lease_expires_at: Set(None),
        worker_id: Set(None),
        ..unchanged()
    };
    update(tx, chunk.id, row).await
}

/// Ends every unfinished chunk of a job that is over.
pub async fn end_unfinished(tx: &Transaction, job: JobId, state: ChunkState) -> Result<(), DatabaseError> {
    let row = chunk::ActiveModel { state: Set(state.to_string()), lease_expires_at: Set(None), ..unchanged() };
    chunk::Entity::update_many()
        .set(row)
        .filter(chunk::Column::JobId.eq(job.as_uuid()))
        .filter(chunk::Column::State.is_in([ChunkState::Queued.as_str(), ChunkState::Running.as_str()]))
        .exec(&tx.inner)
        .await?;
    Ok(())
}

/// How many of the job's chunks are not completed.
pub async fn count_unfinished(tx: &Transaction, job: JobId) -> Result<u64, DatabaseError> {
    let count = chunk::Entity::find()
        .filter(chunk::Column::JobId.eq(job.as_uuid()))
        .filter(chunk::Column::State.ne(ChunkState::Completed.as_str()))
        .count(&tx.inner)
        .await?;
    Ok(count)
}

/// How many segments the job has.
pub async fn count_segments(tx: &Transaction, job: JobId) -> Result<u64, DatabaseError> {
    let counts: Vec<i32> = chunk::Entity::find()
        .select_only()
        .column(chunk::Column::SegmentCount)
        .filter(chunk::Column::JobId.eq(job.as_uuid()))
        .into_tuple()
        .all(&tx.inner)
        .await?;
    Ok(counts.into_iter().map(|count| u64::from(count.cast_unsigned())).sum())
}

/// Chunks whose worker has fallen silent, the longest silent first, and of equals the older chunk.
pub async fn expired(db: &Database, limit: u64) -> Result<Vec<Chunk>, DatabaseError> {
    let now = db.now().await?;
    let rows = chunk::Entity::find()
        .filter(
            Condition::all()
                .add(chunk::Column::State.eq(ChunkState::Running.as_str()))
                .add(chunk::Column::LeaseExpiresAt.lt(now)),
        )
        .order_by_asc(chunk::Column::LeaseExpiresAt)
        .order_by_asc(chunk::Column::Id)
        .limit(limit)
        .all(&db.connection)
        .await?;
    rows.into_iter().map(from_row).collect()
}

async fn update(tx: &Transaction, id: ChunkId, row: chunk::ActiveModel) -> Result<(), DatabaseError> {
    chunk::Entity::update_many().set(row).filter(chunk::Column::Id.eq(id.as_uuid())).exec(&tx.inner).await?;
    Ok(())
}

fn unchanged() -> chunk::ActiveModel {
    <chunk::ActiveModel as ActiveModelTrait>::default()
}

#[expect(clippy::needless_pass_by_value, reason = "so that it maps over rows")]
fn from_row(row: chunk::Model) -> Result<Chunk, DatabaseError> {
    Ok(Chunk {
        id: row.id.into(),
        job: row.job_id.into(),
        position: row.position.cast_unsigned(),
        state: word("chunk state", &row.state)?,
        ring: row.ring.cast_unsigned(),
        attempt: row.attempt.cast_unsigned(),
        lease: row.lease.cast_unsigned(),
        lease_expires_at: row.lease_expires_at,
        through_ms: row.through_ms.cast_unsigned(),
        segment_count: row.segment_count.cast_unsigned(),
    })
}
