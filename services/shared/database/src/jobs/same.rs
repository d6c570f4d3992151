//! The same job asked for twice: found again by a fingerprint of its recording and options.

use chrono::{DateTime, Utc};
use escriba_domain::{JobId, JobState, WorkspaceId};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::{DatabaseError, Transaction, entity::job};

/// Marks a job, so that one like it finds it.
pub async fn note_fingerprint(tx: &Transaction, id: JobId, fingerprint: &[u8; 32]) -> Result<(), DatabaseError> {
    super::change::update(tx, id, |row| row.fingerprint = Set(Some(fingerprint.to_vec()))).await
}

/// The newest of the workspace's jobs with this fingerprint that is not over, or was completed at `completed_since` or
/// later. Until the transaction ends nobody else is told that there is none: of several that ask at once and then add a
/// job, one adds it, and the others find it.
pub async fn find_same(
    tx: &Transaction,
    workspace: WorkspaceId,
    fingerprint: &[u8; 32],
    completed_since: Option<DateTime<Utc>>,
) -> Result<Option<JobId>, DatabaseError> {
    if tx.is_postgres() {
        // SQLite lets in one transaction at a time as it is.
        let lock = fingerprint.first_chunk().map_or(0, |first| i64::from_be_bytes(*first));
        tx.inner.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({lock})")).await?;
    }
    let unfinished = [JobState::Queued.as_str(), JobState::Running.as_str()];
    let mut wanted = Condition::any().add(job::Column::State.is_in(unfinished));
    if let Some(since) = completed_since {
        let completed = job::Column::State.eq(JobState::Completed.as_str());
        wanted = wanted.add(Condition::all().add(completed).add(job::Column::FinishedAt.gte(since)));
    }
    let found: Option<Uuid> = job::Entity::find()
        .select_only()
        .column(job::Column::Id)
        .filter(job::Column::WorkspaceId.eq(workspace.as_uuid()))
        .filter(job::Column::Fingerprint.eq(fingerprint.to_vec()))
        .filter(wanted)
        .order_by_desc(job::Column::Id)
        .into_tuple()
        .one(&tx.inner)
        .await?;
    Ok(found.map(JobId::from))
}
