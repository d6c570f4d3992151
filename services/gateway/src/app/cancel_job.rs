//! Stops a job. Whoever works on it hears of it with the next report; what is transcribed is kept.

use escriba_database::{
    DatabaseError,
    jobs::{self, Ending},
};
use escriba_domain::{ErrorKind, JobId, JobState, WorkspaceId};
use escriba_runtime::trace_context;

use super::{App, bells, end_job::end_job};

#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    #[error("There is no job {0}.")]
    NotFound(JobId),
    #[error("The job is {0} already, so there is nothing to cancel.")]
    Over(JobState),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl CancelError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Over(_) => ErrorKind::Conflict,
            Self::Database(error) => error.kind(),
        }
    }
}

/// Canceling twice is canceling once.
pub async fn cancel_job(app: &App, workspace: WorkspaceId, id: JobId) -> Result<(), CancelError> {
    let tx = app.db.begin().await?;
    let job = jobs::lock(&tx, id).await?.filter(|job| job.workspace == workspace);
    let job = job.ok_or(CancelError::NotFound(id))?;
    match job.state {
        JobState::Canceled => return Ok(()),
        JobState::Completed | JobState::Failed => return Err(CancelError::Over(job.state)),
        JobState::Queued | JobState::Running => {}
    }
    end_job(&tx, &job, &Ending::Canceled, &trace_context::current()).await?;
    tx.commit().await?;
    bells::silence(app, &job).await;
    Ok(())
}
