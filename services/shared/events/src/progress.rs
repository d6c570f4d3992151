//! Progress: told over core NATS, so any of it may be lost, and none of it is kept.

use escriba_domain::{JobId, WorkspaceId};

/// `progress.job.<workspace>.<job>`.
pub fn progress_subject(workspace: WorkspaceId, job: JobId) -> String {
    format!("progress.job.{workspace}.{job}")
}

/// Progress of all of a workspace's jobs.
pub fn workspace_progress_filter(workspace: WorkspaceId) -> String {
    format!("progress.job.{workspace}.*")
}

/// The filters for a workspace's durable events on the EVENTS stream: of these types, or of all where none is named;
/// of one job, or of all.
pub fn workspace_events_filters(workspace: WorkspaceId, types: &[&str], job: Option<JobId>) -> Vec<String> {
    let job = job.map_or_else(|| "*".to_owned(), |job| job.to_string());
    let types: &[&str] = if types.is_empty() { &["*"] } else { types };
    types.iter().map(|name| format!("events.job.{name}.{workspace}.{job}")).collect()
}

/// The filter for all durable events of one job on the EVENTS stream.
pub fn job_events_filter(workspace: WorkspaceId, job: JobId) -> String {
    format!("events.job.*.{workspace}.{job}")
}
