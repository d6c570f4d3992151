//! The job ended without a whole transcript; what was transcribed is kept.

use escriba_domain::{JobId, WorkspaceId};

use crate::{JobEvent, v1};

/// `code` is stable (see `FailureCode`), `message` a sentence for a person.
pub fn job_failed(workspace: WorkspaceId, job: JobId, code: &str, message: &str) -> JobEvent {
    JobEvent::Failed(v1::JobFailed {
        workspace_id: workspace.to_string(),
        job_id: job.to_string(),
        code: code.to_owned(),
        message: message.to_owned(),
    })
}
