//! Jobs as the gateway and its callers see them.

mod change;
mod list;
mod row;
mod same;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use escriba_domain::{JobId, JobOptions, JobState, Labels, Language, MediaId, Redo, Statistics, Warning, WorkspaceId};
use sea_orm::{
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select, entity::prelude::Uuid,
};

pub use change::{
    Ending, Progress, add_processed, add_processing, add_statistics, delete, finish, insert, note_decoded,
    note_language, note_length, note_progress, note_time_left, relabel, reopen, start,
};
pub use list::{Filter, Order, Place, SortKey, count, find_all, list, list_ids};
pub(crate) use row::{json, word};
pub use same::{find_same, note_fingerprint};

use crate::{
    Database, DatabaseError, Transaction,
    entity::{job, media},
};

/// So many recordings tell what is usual.
const USUAL_OF: u64 = 50;

/// A job that is about to be accepted.
#[derive(Debug, Clone)]
pub struct NewJob {
    pub id: JobId,
    pub workspace: WorkspaceId,
    pub media: MediaId,
    pub options: JobOptions,
    pub labels: Labels,
    /// What of which recording it transcribes again, if it is such a job.
    pub redo: Option<Redo>,
    /// W3C trace context of the request, so that all later work joins its trace.
    pub trace: BTreeMap<String, String>,
}

/// A job and what is known of its recording.
#[derive(Debug, Clone)]
pub struct Job {
    pub id: JobId,
    pub workspace: WorkspaceId,
    pub media: MediaId,
    pub file_name: String,
    pub media_bytes: u64,
    pub media_sha256: Vec<u8>,
    /// When the recording was deleted, because the workspace keeps none for longer. Such a job cannot be done again.
    pub media_deleted_at: Option<DateTime<Utc>>,
    pub state: JobState,
    pub options: JobOptions,
    pub labels: Labels,
    /// What of which recording it transcribes again, if it is such a job. Its recording is that of the other job.
    pub redo: Option<Redo>,
    /// Given or detected; `None` until known, and when nobody speaks.
    pub spoken_language: Option<Language>,
    /// Length of the recording, or of the span that is done again, once known.
    pub audio_ms: Option<u64>,
    /// How much of the recording is transcribed.
    pub processed_ms: u64,
    /// How long the workers at it still take, by their latest reports.
    pub time_left_ms: Option<u64>,
    /// Time workers have spent on it.
    pub processing_ms: u64,
    /// What recognition took so far, and what it dropped.
    pub statistics: Statistics,
    pub failure: Option<Failure>,
    pub warnings: Vec<Warning>,
    pub transcript_version: u32,
    pub trace: BTreeMap<String, String>,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    /// 1 at first; each retry is a run of its own.
    pub runs: u32,
}

/// Why a job failed: a stable code and a sentence for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub code: String,
    pub message: String,
}

/// The workspace's job of this id.
pub async fn find(db: &Database, workspace: WorkspaceId, id: JobId) -> Result<Option<Job>, DatabaseError> {
    let found = job::Entity::find_by_id(id.as_uuid())
        .filter(job::Column::WorkspaceId.eq(workspace.as_uuid()))
        .find_also_related(media::Entity)
        .one(&db.connection)
        .await?;
    found.map(row::from_row).transpose()
}

/// The mean length of the recordings that the workspace had transcribed last; `None` while there are none.
pub async fn usual_length(db: &Database, workspace: WorkspaceId) -> Result<Option<u64>, DatabaseError> {
    let lengths: Vec<Option<i64>> = job::Entity::find()
        .select_only()
        .column(job::Column::AudioMs)
        .filter(job::Column::WorkspaceId.eq(workspace.as_uuid()))
        .filter(job::Column::State.eq(JobState::Completed.as_str()))
        .order_by_desc(job::Column::Id)
        .limit(USUAL_OF)
        .into_tuple()
        .all(&db.connection)
        .await?;
    let known: Vec<u64> = lengths.into_iter().flatten().map(i64::cast_unsigned).collect();
    Ok((!known.is_empty()).then(|| known.iter().sum::<u64>() / known.len() as u64))
}

/// How many of the workspace's jobs wait or run.
pub async fn count_unfinished(db: &Database, workspace: WorkspaceId) -> Result<u64, DatabaseError> {
    Ok(unfinished(workspace).count(&db.connection).await?)
}

/// The same within a transaction.
pub async fn count_unfinished_in(tx: &Transaction, workspace: WorkspaceId) -> Result<u64, DatabaseError> {
    Ok(unfinished(workspace).count(&tx.inner).await?)
}

fn unfinished(workspace: WorkspaceId) -> Select<job::Entity> {
    let states = JobState::ALL.iter().filter(|state| !state.is_terminal()).map(|state| state.as_str());
    job::Entity::find()
        .filter(job::Column::WorkspaceId.eq(workspace.as_uuid()))
        .filter(job::Column::State.is_in(states))
}

/// The jobs that transcribe spans of this one again, over or not, kept from changing until the transaction ends.
pub async fn lock_redos(tx: &Transaction, of: JobId) -> Result<Vec<Job>, DatabaseError> {
    let redos = job::Entity::find().select_only().column(job::Column::Id);
    let redos = redos.filter(job::Column::RedoOf.eq(of.as_uuid())).order_by_asc(job::Column::Id);
    let ids: Vec<Uuid> = redos.into_tuple().all(&tx.inner).await?;
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        found.extend(lock(tx, id.into()).await?);
    }
    Ok(found)
}

/// The job of this id, whoever's it is, kept from changing until the transaction ends.
pub async fn lock(tx: &Transaction, id: JobId) -> Result<Option<Job>, DatabaseError> {
    let mut query = job::Entity::find_by_id(id.as_uuid());
    if tx.is_postgres() {
        query = query.lock_exclusive();
    }
    let Some(row) = query.one(&tx.inner).await? else {
        return Ok(None);
    };
    let media = media::Entity::find_by_id(row.media_id).one(&tx.inner).await?;
    row::from_row((row, media)).map(Some)
}
