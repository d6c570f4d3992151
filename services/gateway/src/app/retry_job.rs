//! Runs a failed or canceled job again. What is transcribed is kept; the rest is queued anew.

use escriba_database::{DatabaseError, chunks, jobs, outbox, transcripts::FIRST_VERSION};
use escriba_domain::{ErrorKind, JobId, JobState, WorkspaceId};
use escriba_events::{QueuedMedia, event_message, job_queued};
use escriba_runtime::trace_context;

use super::{
    App, bells,
    room::{RoomError, take_room},
};

#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    #[error("There is no job {0}.")]
    NotFound(JobId),
    #[error("The job is {0}. Only a failed or canceled job can be run again.")]
    NotOver(JobState),
    #[error("The recording has been deleted meanwhile, as this workspace asks for. Send it again.")]
    MediaGone,
    #[error(
        "The transcript has been edited, and a retry would mix it with what is recognised anew. Send the recording again."
    )]
    Edited,
    #[error(transparent)]
    Room(#[from] RoomError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl RetryError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::NotOver(_) | Self::MediaGone | Self::Edited => ErrorKind::Conflict,
            Self::Room(error) => error.kind(),
            Self::Database(error) => error.kind(),
        }
    }
}

pub async fn retry_job(app: &App, workspace: WorkspaceId, id: JobId) -> Result<(), RetryError> {
    let tx = app.db.begin().await?;
    let job = jobs::lock(&tx, id).await?.filter(|job| job.workspace == workspace);
    let job = job.ok_or(RetryError::NotFound(id))?;
    if !job.state.may_become(JobState::Queued) {
        return Err(RetryError::NotOver(job.state));
    }
    if job.media_deleted_at.is_some() {
        return Err(RetryError::MediaGone);
    }
    if job.transcript_version > FIRST_VERSION {
        return Err(RetryError::Edited);
    }
    take_room(&tx, workspace).await?;
    let trace = trace_context::current();
    jobs::reopen(&tx, &job).await?;
    let media = QueuedMedia { id: job.media, file_name: job.file_name.clone(), bytes: job.media_bytes };
    let event = job_queued(workspace, id, media, &job.options, job.runs + 1);
    outbox::append(&tx, event_message(&event, tx.now(), &trace)).await?;
    let reopened = chunks::reopen(&tx, id).await?;
    for chunk in &reopened {
        bells::ring(&tx, &bells::item(chunk), &trace).await?;
    }
    tx.commit().await?;
    tracing::info!(job = %id, run = job.runs + 1, chunks = reopened.len(), "a job is run again");
    Ok(())
}
