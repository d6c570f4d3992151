//! The job, its media and its transcript are gone.

use escriba_domain::{JobId, WorkspaceId};

use crate::{JobEvent, v1};

pub fn job_deleted(workspace: WorkspaceId, job: JobId) -> JobEvent {
    JobEvent::Deleted(v1::JobDeleted { workspace_id: workspace.to_string(), job_id: job.to_string() })
}
