//! The same change to many jobs. Each is a change of its own: one that cannot be made keeps none of the others from
//! being made.

use escriba_domain::{JobId, WorkspaceId};
use futures_util::{StreamExt, stream};

use super::{
    App,
    delete_job::{DeleteError, delete_job},
    retry_job::{RetryError, retry_job},
};

/// At the same time: some wait for storage while others wait for the database.
const AT_ONCE: usize = 4;

/// Deletes each of the jobs, and says how that went, in their order.
pub async fn delete_many(app: &App, workspace: WorkspaceId, jobs: &[JobId]) -> Vec<(JobId, Result<(), DeleteError>)> {
    let deleted = stream::iter(jobs.to_vec()).map(async |job| (job, delete_job(app, workspace, job).await));
    deleted.buffered(AT_ONCE).collect().await
}

/// Runs each of the jobs again, and says how that went, in their order.
pub async fn retry_many(app: &App, workspace: WorkspaceId, jobs: &[JobId]) -> Vec<(JobId, Result<(), RetryError>)> {
    let retried = stream::iter(jobs.to_vec()).map(async |job| (job, retry_job(app, workspace, job).await));
    retried.buffered(AT_ONCE).collect().await
}
