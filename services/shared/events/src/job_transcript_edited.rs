//! The transcript has a new version.

use escriba_domain::{ApiKeyId, EditSummary, JobId, WorkspaceId};

use crate::{JobEvent, v1};

/// What the event tells of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edition {
    pub version: u32,
    /// Whose content it has again, if somebody went back.
    pub reverted_to: Option<u32>,
    pub by: ApiKeyId,
    pub summary: EditSummary,
}

pub fn job_transcript_edited(workspace: WorkspaceId, job: JobId, edition: &Edition) -> JobEvent {
    JobEvent::TranscriptEdited(v1::JobTranscriptEdited {
        workspace_id: workspace.to_string(),
        job_id: job.to_string(),
        version: edition.version,
        api_key_id: edition.by.to_string(),
        segments_changed: edition.summary.segments_changed,
        segments_removed: edition.summary.segments_removed,
        reverted_to: edition.reverted_to.unwrap_or_default(),
    })
}
