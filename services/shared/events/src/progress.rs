//! Progress: told over core NATS, so any of it may be lost, and none of it is kept.

use escriba_domain::{JobId, WorkspaceId};

/// `progress.job.<workspace>.<job>`.
pub fn progress_subject(workspace: WorkspaceId, job: JobId) -> String {
    format!("progress.job.{workspace}.{job}")
}

/// The filter for all durable events of one job on the EVENTS stream.
pub fn job_events_filter(workspace: WorkspaceId, job: JobId) -> String {
    format!("events.job.*.{workspace}.{job}")
}
