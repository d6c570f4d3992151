//! Deletes a job with its transcript and its recording, and with the jobs that do spans of it again. One that is being
//! worked on is stopped by it.

use escriba_blobs::ObjectKey;
use escriba_database::{
    DatabaseError, Transaction, chunks,
    jobs::{self, Job},
    media, outbox,
};
use escriba_domain::{ChunkId, ErrorKind, JobId, MediaId, WorkspaceId};
use escriba_events::{event_message, job_deleted};
use escriba_runtime::trace_context;

use super::{App, bells};

#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    #[error("There is no job {0}.")]
    NotFound(JobId),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl DeleteError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Database(error) => error.kind(),
        }
    }
}

/// The rows go first, in one transaction; the objects follow, since nothing can find them any more.
pub async fn delete_job(app: &App, workspace: WorkspaceId, id: JobId) -> Result<(), DeleteError> {
    let tx = app.db.begin().await?;
    // Before the job itself, as whoever completes one of them does.
    jobs::lock_redos(&tx, id).await?;
    let job = jobs::lock(&tx, id).await?.filter(|job| job.workspace == workspace);
    let job = job.ok_or(DeleteError::NotFound(id))?;
    let mut gone = jobs::lock_redos(&tx, id).await?;
    gone.push(job);
    let mut objects = Vec::new();
    for job in &gone {
        objects.extend(chunks::unfinished_parts(&tx, job.id).await?.into_iter().map(|chunk| speech(job, chunk)));
        objects.extend(for_players(workspace, job.id));
        let recording = job.redo.is_none().then_some(job.media);
        objects.extend(recording.map(|media| ObjectKey::Media { workspace, media }));
        delete_rows(&tx, workspace, job.id, recording).await?;
    }
    tx.commit().await?;
    for job in &gone {
        bells::silence(app, job).await;
        tracing::info!(job = %job.id, "deleted a job");
    }
    for key in objects {
        if let Err(error) = app.blobs.delete(key).await {
            tracing::warn!(%error, %key, "an object of a deleted job was left in storage");
        }
    }
    Ok(())
}

/// What is kept of the job's recording beside it.
pub(super) fn for_players(workspace: WorkspaceId, job: JobId) -> [ObjectKey; 2] {
    [ObjectKey::Peaks { workspace, job }, ObjectKey::Rendition { workspace, job }]
}

fn speech(job: &Job, chunk: ChunkId) -> ObjectKey {
    ObjectKey::Windows { workspace: job.workspace, job: job.id, chunk }
}

/// The part of it that happens in a transaction, which holds the job's lock. `recording` is the job's own.
pub(super) async fn delete_rows(
    tx: &Transaction,
    workspace: WorkspaceId,
    id: JobId,
    recording: Option<MediaId>,
) -> Result<(), DatabaseError> {
    jobs::delete(tx, id).await?;
    if let Some(media) = recording {
        media::delete(tx, media).await?;
    }
    let event = job_deleted(workspace, id);
    outbox::append(tx, event_message(&event, tx.now(), &trace_context::current())).await
}
