//! A transcriber claimed the job's first chunk.

use escriba_domain::{JobId, WorkspaceId};

use crate::{JobEvent, v1};

pub fn job_started(workspace: WorkspaceId, job: JobId, worker_id: &str) -> JobEvent {
    JobEvent::Started(v1::JobStarted {
        workspace_id: workspace.to_string(),
        job_id: job.to_string(),
        worker_id: worker_id.to_owned(),
    })
}
