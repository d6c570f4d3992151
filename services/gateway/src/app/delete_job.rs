//! Deletes a job with its transcript and its recording. A job that is being worked on is stopped by it.

use escriba_blobs::ObjectKey;
use escriba_database::{DatabaseError, Transaction, chunks, jobs, media, outbox};
use escriba_domain::{ErrorKind, JobId, MediaId, WorkspaceId};
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

/// The rows go first, in one transaction; the object follows, since nothing can find it any more.
pub async fn delete_job(app: &App, workspace: WorkspaceId, id: JobId) -> Result<(), DeleteError> {
    let tx = app.db.begin().await?;
    let job = jobs::lock(&tx, id).await?.filter(|job| job.workspace == workspace);
    let job = job.ok_or(DeleteError::NotFound(id))?;
    let parts = chunks::unfinished_parts(&tx, id).await?;
    delete_rows(&tx, workspace, id, job.media).await?;
    tx.commit().await?;
    bells::silence(app, &job).await;
    let speech = parts.into_iter().map(|chunk| ObjectKey::Windows { workspace, job: id, chunk });
    let recording = [ObjectKey::Media { workspace, media: job.media }, ObjectKey::Peaks { workspace, job: id }];
    for key in speech.chain(recording) {
        if let Err(error) = app.blobs.delete(key).await {
            tracing::warn!(%error, %key, "an object of a deleted job was left in storage");
        }
    }
    tracing::info!(job = %id, "deleted a job");
    Ok(())
}

/// The part of it that happens in a transaction, which holds the job's lock.
pub(super) async fn delete_rows(
    tx: &Transaction,
    workspace: WorkspaceId,
    id: JobId,
    media: MediaId,
) -> Result<(), DatabaseError> {
    jobs::delete(tx, id).await?;
    media::delete(tx, media).await?;
    let event = job_deleted(workspace, id);
    outbox::append(tx, event_message(&event, tx.now(), &trace_context::current())).await
}
