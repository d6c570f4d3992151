//! What may go: ended jobs whose workspace keeps them no longer, judged by the database's clock, and stored objects
//! that no row needs. Jobs that wait or run are never among them. Nothing is deleted here.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use escriba_domain::{ChunkId, ChunkState, JobId, JobState, MediaId, PartId, UploadId, WorkspaceId};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, RelationTrait, Select,
    sea_query::{LockBehavior, LockType},
};
use uuid::Uuid;

use crate::{
    Database, DatabaseError, Transaction, clock,
    entity::{chunk, job, media, upload, upload_part, workspace},
    workspaces::{self, Workspace},
};

/// Which of the two promises of a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The recording of an ended job; what was deleted before is not due again.
    Media,
    /// The ended job itself, with its transcript and, if it is still there, its recording.
    Transcripts,
}

/// An ended job that has been kept long enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    pub job: JobId,
    /// Its own recording; that of a job that does a span again is another's.
    pub media: Option<MediaId>,
    /// What its recording takes in storage; 0 when that was deleted before.
    pub bytes: u64,
}

/// Looks which jobs of the workspace are due, in the order of their ids.
pub async fn due(
    db: &Database,
    workspace: WorkspaceId,
    kept: Kept,
    after: Option<JobId>,
    limit: u64,
) -> Result<Vec<Due>, DatabaseError> {
    let now = clock::now(&db.connection).await?;
    let Some(end) = end_of(&db.connection, workspace, kept, now).await? else {
        return Ok(Vec::new());
    };
    read(&db.connection, ended_before(workspace, kept, end).limit(limit), after).await
}

/// Like [`due`], and keeps them from changing until the transaction ends. Jobs that somebody else is changing at the
/// moment are left out.
pub async fn lock_due(
    tx: &Transaction,
    workspace: WorkspaceId,
    kept: Kept,
    limit: u64,
) -> Result<Vec<Due>, DatabaseError> {
    let Some(end) = end_of(&tx.inner, workspace, kept, tx.now()).await? else {
        return Ok(Vec::new());
    };
    let mut query = ended_before(workspace, kept, end).limit(limit);
    if tx.is_postgres() {
        query = query.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    read(&tx.inner, query, None).await
}

/// Before this a job must have ended to be due; `None` if the workspace keeps for ever.
async fn end_of(
    connection: &impl ConnectionTrait,
    workspace: WorkspaceId,
    kept: Kept,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, DatabaseError> {
    let row = workspace::Entity::find_by_id(workspace.as_uuid()).one(connection).await?;
    let days = row.map(workspaces::from_row).and_then(|workspace| days(&workspace, kept));
    Ok(days.and_then(|days| now.checked_sub_signed(TimeDelta::days(days.into()))))
}

fn days(workspace: &Workspace, kept: Kept) -> Option<u32> {
    match kept {
        Kept::Media => workspace.keep_media_days,
        Kept::Transcripts => workspace.keep_transcripts_days,
    }
}

fn ended_before(workspace: WorkspaceId, kept: Kept, end: DateTime<Utc>) -> Select<job::Entity> {
    let ended = JobState::ALL.iter().filter(|state| state.is_terminal()).map(|state| state.as_str());
    job::Entity::find()
        .select_only()
        .column(job::Column::Id)
        .column(job::Column::MediaId)
        .column(media::Column::SizeBytes)
        .column(media::Column::DeletedAt)
        .column(job::Column::RedoOf)
        .join(JoinType::InnerJoin, job::Relation::Media.def())
        .filter(job::Column::WorkspaceId.eq(workspace.as_uuid()))
        .filter(job::Column::State.is_in(ended))
        .filter(job::Column::FinishedAt.lt(end))
        .filter(job::Column::Id.not_in_subquery(being_redone(workspace).into_query()))
        .apply_if((kept == Kept::Media).then_some(()), |query, ()| {
            query.filter(media::Column::DeletedAt.is_null()).filter(job::Column::RedoOf.is_null())
        })
        .order_by_asc(job::Column::Id)
}

/// The jobs of which a span is waiting to be done again, or is: they and their recordings are still needed.
fn being_redone(workspace: WorkspaceId) -> Select<job::Entity> {
    let unfinished = JobState::ALL.iter().filter(|state| !state.is_terminal()).map(|state| state.as_str());
    job::Entity::find()
        .select_only()
        .column(job::Column::RedoOf)
        .filter(job::Column::WorkspaceId.eq(workspace.as_uuid()))
        .filter(job::Column::RedoOf.is_not_null())
        .filter(job::Column::State.is_in(unfinished))
}

#[derive(FromQueryResult)]
struct DueRow {
    id: Uuid,
    media_id: Uuid,
    size_bytes: i64,
    deleted_at: Option<DateTime<Utc>>,
    redo_of: Option<Uuid>,
}

async fn read(
    connection: &impl ConnectionTrait,
    query: Select<job::Entity>,
    after: Option<JobId>,
) -> Result<Vec<Due>, DatabaseError> {
    let query = query.apply_if(after, |query, after| query.filter(job::Column::Id.gt(after.as_uuid())));
    let rows = query.into_model::<DueRow>().all(connection).await?;
    let due = rows.into_iter().map(|row| Due {
        job: row.id.into(),
        media: row.redo_of.is_none().then(|| row.media_id.into()),
        bytes: if row.deleted_at.is_some() || row.redo_of.is_some() { 0 } else { row.size_bytes.cast_unsigned() },
    });
    Ok(due.collect())
}

/// Those of the recordings that a row needs, each with its workspace.
pub async fn needed_media(db: &Database, these: &[MediaId]) -> Result<HashSet<(WorkspaceId, MediaId)>, DatabaseError> {
    let rows: Vec<(Uuid, Uuid)> = media::Entity::find()
        .select_only()
        .column(media::Column::WorkspaceId)
        .column(media::Column::Id)
        .filter(media::Column::Id.is_in(these.iter().map(|id| id.as_uuid())))
        .filter(media::Column::DeletedAt.is_null())
        .into_tuple()
        .all(&db.connection)
        .await?;
    Ok(rows.into_iter().map(|(workspace, media)| (workspace.into(), media.into())).collect())
}

/// Those of the jobs that are there with their recordings, each with its workspace.
pub async fn jobs_with_media(db: &Database, these: &[JobId]) -> Result<HashSet<(WorkspaceId, JobId)>, DatabaseError> {
    let rows: Vec<(Uuid, Uuid)> = job::Entity::find()
        .select_only()
        .column(job::Column::WorkspaceId)
        .column(job::Column::Id)
        .join(JoinType::InnerJoin, job::Relation::Media.def())
        .filter(job::Column::Id.is_in(these.iter().map(|id| id.as_uuid())))
        .filter(media::Column::DeletedAt.is_null())
        .into_tuple()
        .all(&db.connection)
        .await?;
    Ok(rows.into_iter().map(|(workspace, job)| (workspace.into(), job.into())).collect())
}

/// Those of the chunks that are there and not completed, each with its job: a failed or canceled one may be tried
/// again.
pub async fn unfinished_chunks(db: &Database, these: &[ChunkId]) -> Result<HashSet<(JobId, ChunkId)>, DatabaseError> {
    let rows: Vec<(Uuid, Uuid)> = chunk::Entity::find()
        .select_only()
        .column(chunk::Column::JobId)
        .column(chunk::Column::Id)
        .filter(chunk::Column::Id.is_in(these.iter().map(|id| id.as_uuid())))
        .filter(chunk::Column::State.ne(ChunkState::Completed.as_str()))
        .into_tuple()
        .all(&db.connection)
        .await?;
    Ok(rows.into_iter().map(|(job, chunk)| (job.into(), chunk.into())).collect())
}

/// Those of the parts that a row needs, each with its upload and its workspace.
pub async fn needed_parts(
    db: &Database,
    these: &[PartId],
) -> Result<HashSet<(WorkspaceId, UploadId, PartId)>, DatabaseError> {
    let rows: Vec<(Uuid, Uuid, Uuid)> = upload_part::Entity::find()
        .select_only()
        .column(upload::Column::WorkspaceId)
        .column(upload_part::Column::UploadId)
        .column(upload_part::Column::Id)
        .join(JoinType::InnerJoin, upload_part::Relation::Upload.def())
        .filter(upload_part::Column::Id.is_in(these.iter().map(|id| id.as_uuid())))
        .into_tuple()
        .all(&db.connection)
        .await?;
    Ok(rows.into_iter().map(|(workspace, upload, part)| (workspace.into(), upload.into(), part.into())).collect())
}
