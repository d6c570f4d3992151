//! Somebody stopped the job.

use escriba_domain::{JobId, WorkspaceId};

use crate::{JobEvent, v1};

pub fn job_canceled(workspace: WorkspaceId, job: JobId) -> JobEvent {
    JobEvent::Canceled(v1::JobCanceled { workspace_id: workspace.to_string(), job_id: job.to_string() })
}
