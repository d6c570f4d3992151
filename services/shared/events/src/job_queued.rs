//! The recording is stored and waits for a transcriber.

use escriba_domain::{JobId, JobOptions, MediaId, WorkspaceId};

use crate::{JobEvent, lane_to_proto, task_to_proto, v1};

/// What the event tells of the upload.
#[derive(Debug, Clone)]
pub struct QueuedMedia {
    pub id: MediaId,
    pub file_name: String,
    pub bytes: u64,
}

/// `run` is 1 at first, and one more at each retry.
pub fn job_queued(workspace: WorkspaceId, job: JobId, media: QueuedMedia, options: &JobOptions, run: u32) -> JobEvent {
    JobEvent::Queued(v1::JobQueued {
        workspace_id: workspace.to_string(),
        job_id: job.to_string(),
        media_id: media.id.to_string(),
        file_name: media.file_name,
        media_bytes: media.bytes,
        lane: lane_to_proto(options.lane).into(),
        model: options.model.to_string(),
        task: task_to_proto(options.task).into(),
        language: options.language.map(|language| language.code().to_owned()).unwrap_or_default(),
        run,
    })
}
