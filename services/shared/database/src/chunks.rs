//! Chunks and the leases on them. A lease is a number that grows at each claim; a report under an older number is a
//! stale worker's. Expiry is judged by the database's clock. Whose turn it is, is [`queues`](crate::queues)'s.

mod change;
mod counts;

use chrono::{DateTime, Utc};
use escriba_domain::{ChunkId, ChunkKind, ChunkState, JobId, Lane, ModelName, WorkspaceId};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, entity::prelude::Uuid,
};

pub use change::{
    NewPart, advance, claim, delay, end, end_unfinished, insert_part, insert_whole, note_part, note_speed, renew,
    reopen, requeue, ring,
};
pub use counts::{
    ChunkCounts, count_by_state, count_segments, count_unfinished, count_waiting, sum_speed, with_segments,
};

use crate::{Database, DatabaseError, Transaction, entity::chunk, jobs::word};

/// A span of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    pub id: ChunkId,
    pub job: JobId,
    pub workspace: WorkspaceId,
    pub lane: Lane,
    pub model: ModelName,
    pub kind: ChunkKind,
    /// 0 for the whole recording; its parts count from 1.
    pub position: u32,
    pub start_ms: u64,
    /// `None` for a recording whose length is not known.
    pub end_ms: Option<u64>,
    /// Speech to recognise; 0 while that is not known.
    pub work_ms: u64,
    pub state: ChunkState,
    /// Not to be claimed before this.
    pub ready_at: Option<DateTime<Utc>>,
    /// How often it has been put in the queue.
    pub ring: u32,
    /// How often it has been claimed.
    pub attempt: u32,
    pub lease: u64,
    pub lease_expires_at: Option<DateTime<Utc>>,
    /// Everything before this is in committed segments or, for a recording in parts, in planned parts.
    pub through_ms: u64,
    pub segment_count: u32,
    /// How many parts are planned of it.
    pub part_count: u32,
}

/// The chunk, kept from changing until the transaction ends. Lock its job first, always in that order.
pub async fn lock(tx: &Transaction, id: ChunkId) -> Result<Option<Chunk>, DatabaseError> {
    let mut query = chunk::Entity::find_by_id(id.as_uuid());
    if tx.is_postgres() {
        query = query.lock_exclusive();
    }
    query.one(&tx.inner).await?.map(from_row).transpose()
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

/// Chunks that were put off and whose time has come, the longest due first.
pub async fn due(db: &Database, limit: u64) -> Result<Vec<Chunk>, DatabaseError> {
    let now = db.now().await?;
    let rows = chunk::Entity::find()
        .filter(chunk::Column::ReadyAt.lte(now))
        .order_by_asc(chunk::Column::ReadyAt)
        .limit(limit)
        .all(&db.connection)
        .await?;
    rows.into_iter().map(from_row).collect()
}

/// The chunks that wait in a queue, in the order in which their jobs came: so many, after having passed over others.
pub async fn waiting(
    db: &Database,
    lane: Lane,
    model: &ModelName,
    (passed, limit): (u64, u64),
) -> Result<Vec<Chunk>, DatabaseError> {
    let rows = claimable(lane, model)
        .order_by_asc(chunk::Column::JobId)
        .order_by_asc(chunk::Column::Position)
        .offset(passed)
        .limit(limit)
        .all(&db.connection)
        .await?;
    rows.into_iter().map(from_row).collect()
}

/// The parts of a job that are not done: their speech is still in storage.
pub async fn unfinished_parts(tx: &Transaction, job: JobId) -> Result<Vec<ChunkId>, DatabaseError> {
    let ids: Vec<Uuid> = chunk::Entity::find()
        .select_only()
        .column(chunk::Column::Id)
        .filter(chunk::Column::JobId.eq(job.as_uuid()))
        .filter(chunk::Column::Kind.eq(ChunkKind::Part.as_str()))
        .filter(chunk::Column::State.ne(ChunkState::Completed.as_str()))
        .into_tuple()
        .all(&tx.inner)
        .await?;
    Ok(ids.into_iter().map(ChunkId::from).collect())
}

fn claimable(lane: Lane, model: &ModelName) -> Select<chunk::Entity> {
    chunk::Entity::find()
        .filter(chunk::Column::State.eq(ChunkState::Queued.as_str()))
        .filter(chunk::Column::Lane.eq(lane.as_str()))
        .filter(chunk::Column::Model.eq(model.as_str()))
        .filter(chunk::Column::ReadyAt.is_null())
}

#[expect(clippy::needless_pass_by_value, reason = "so that it maps over rows")]
fn from_row(row: chunk::Model) -> Result<Chunk, DatabaseError> {
    Ok(Chunk {
        id: row.id.into(),
        job: row.job_id.into(),
        workspace: row.workspace_id.into(),
        lane: word("lane", &row.lane)?,
        model: word("model", &row.model)?,
        kind: word("chunk kind", &row.kind)?,
        position: row.position.cast_unsigned(),
        start_ms: row.start_ms.cast_unsigned(),
        end_ms: row.end_ms.map(i64::cast_unsigned),
        work_ms: row.work_ms.cast_unsigned(),
        state: word("chunk state", &row.state)?,
        ready_at: row.ready_at,
        ring: row.ring.cast_unsigned(),
        attempt: row.attempt.cast_unsigned(),
        lease: row.lease.cast_unsigned(),
        lease_expires_at: row.lease_expires_at,
        through_ms: row.through_ms.cast_unsigned(),
        segment_count: row.segment_count.cast_unsigned(),
        part_count: row.part_count.cast_unsigned(),
    })
}
