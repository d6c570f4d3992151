//! Waits for a job's end, and says whether it was a good one.

use std::sync::Arc;

use escriba_database::{
    DatabaseError,
    jobs::{Failure, Job},
};
use escriba_domain::{ErrorKind, FailureCode, JobId, JobState, WorkspaceId};
use futures_util::StreamExt;

use super::{
    App,
    watch_job::{Step, watch_job},
};

/// Why a job that was waited for has no transcript.
#[derive(Debug, thiserror::Error)]
pub enum AwaitError {
    #[error("{}", .0.message)]
    Failed(Failure),
    #[error("The job was canceled before it was done. Send the recording again if it is still wanted.")]
    Canceled,
    #[error("The job was deleted before it was done.")]
    Deleted,
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl AwaitError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Failed(failure) => match failure.code.parse::<FailureCode>() {
                Ok(code) if code.is_of_recording() => ErrorKind::Invalid,
                _ => ErrorKind::Internal,
            },
            Self::Canceled | Self::Deleted => ErrorKind::Conflict,
            Self::Database(error) => error.kind(),
        }
    }

    /// Stable, for programs.
    pub fn code(&self) -> &str {
        match self {
            Self::Failed(failure) => &failure.code,
            Self::Canceled => "job_canceled",
            Self::Deleted => "job_deleted",
            Self::Database(_) => "unavailable",
        }
    }
}

/// The job as it stands once it is completed. There is no limit to how long that takes.
pub async fn await_job(app: Arc<App>, workspace: WorkspaceId, id: JobId) -> Result<Job, AwaitError> {
    let mut steps = Box::pin(watch_job(app, workspace, id));
    while let Some(step) = steps.next().await {
        if let Step::Over(job) = step {
            return outcome(job);
        }
    }
    Err(AwaitError::Deleted)
}

/// What a job that is over came to.
pub(super) fn outcome(job: Option<Box<Job>>) -> Result<Job, AwaitError> {
    let job = job.ok_or(AwaitError::Deleted)?;
    match (job.state, &job.failure) {
        (JobState::Completed, _) => Ok(*job),
        (_, Some(failure)) => Err(AwaitError::Failed(failure.clone())),
        _ => Err(AwaitError::Canceled),
    }
}
