//! Sums over the chunks of jobs.

use std::collections::{HashMap, HashSet};

use escriba_domain::{ChunkState, JobId, Lane, ModelName};
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter, QuerySelect};

use super::claimable;
use crate::{Database, DatabaseError, Transaction, entity::chunk, jobs::word};

/// How a job's chunks stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChunkCounts {
    pub waiting: u64,
    pub running: u64,
    pub completed: u64,
    /// Failed or canceled with their job.
    pub given_up: u64,
}

impl ChunkCounts {
    /// All that are known: a recording in parts has more while it is being planned.
    pub const fn total(self) -> u64 {
        self.waiting + self.running + self.completed + self.given_up
    }
}

/// How the chunks of these jobs stand.
pub async fn count_by_state(db: &Database, jobs: &[JobId]) -> Result<HashMap<JobId, ChunkCounts>, DatabaseError> {
    #[derive(FromQueryResult)]
    struct Row {
        job_id: sea_orm::entity::prelude::Uuid,
        state: String,
        count: i64,
    }
    if jobs.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = chunk::Entity::find()
        .select_only()
        .column(chunk::Column::JobId)
        .column(chunk::Column::State)
        .column_as(chunk::Column::Id.count(), "count")
        .filter(chunk::Column::JobId.is_in(jobs.iter().map(|job| job.as_uuid())))
        .group_by(chunk::Column::JobId)
        .group_by(chunk::Column::State)
        .into_model::<Row>()
        .all(&db.connection)
        .await?;
    let mut counts: HashMap<JobId, ChunkCounts> = HashMap::new();
    for row in rows {
        let of_job = counts.entry(row.job_id.into()).or_default();
        let count = row.count.cast_unsigned();
        match word("chunk state", &row.state)? {
            ChunkState::Queued => of_job.waiting += count,
            ChunkState::Running => of_job.running += count,
            ChunkState::Completed => of_job.completed += count,
            ChunkState::Failed | ChunkState::Canceled => of_job.given_up += count,
        }
    }
    Ok(counts)
}

/// Those of the jobs that have a segment.
pub async fn with_segments(db: &Database, jobs: &[JobId]) -> Result<HashSet<JobId>, DatabaseError> {
    let found: Vec<sea_orm::entity::prelude::Uuid> = chunk::Entity::find()
        .select_only()
        .column(chunk::Column::JobId)
        .distinct()
        .filter(chunk::Column::JobId.is_in(jobs.iter().map(|job| job.as_uuid())))
        .filter(chunk::Column::SegmentCount.gt(0))
        .into_tuple()
        .all(&db.connection)
        .await?;
    Ok(found.into_iter().map(JobId::from).collect())
}

/// How many chunks of a queue wait to be claimed.
pub async fn count_waiting(db: &Database, lane: Lane, model: &ModelName) -> Result<u64, DatabaseError> {
    Ok(claimable(lane, model).count(&db.connection).await?)
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

/// What the workers at the job's chunks get done together: milliseconds of recording a millisecond. 0 while no speed is
/// known.
pub async fn sum_speed(tx: &Transaction, job: JobId) -> Result<f64, DatabaseError> {
    let speeds: Vec<Option<f64>> = chunk::Entity::find()
        .select_only()
        .column(chunk::Column::Speed)
        .filter(chunk::Column::JobId.eq(job.as_uuid()))
        .filter(chunk::Column::State.eq(ChunkState::Running.as_str()))
        .into_tuple()
        .all(&tx.inner)
        .await?;
    Ok(speeds.into_iter().flatten().sum())
}
