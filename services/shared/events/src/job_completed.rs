//! The transcript is whole.

use escriba_domain::{JobId, Language, Statistics, Warning, WorkspaceId};

use crate::{JobEvent, statistics_to_proto, v1, warning_to_proto};

/// What the event tells of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// Given or detected; `None` when nobody speaks.
    pub language: Option<Language>,
    pub audio_ms: u64,
    pub processing_ms: u64,
    pub segment_count: u64,
    pub warnings: Vec<Warning>,
    pub statistics: Statistics,
}

/// Statistics that count nothing are left out.
pub fn job_completed(workspace: WorkspaceId, job: JobId, completion: &Completion) -> JobEvent {
    let statistics = Some(completion.statistics).filter(|statistics| *statistics != Statistics::default());
    JobEvent::Completed(v1::JobCompleted {
        workspace_id: workspace.to_string(),
        job_id: job.to_string(),
        language: completion.language.map(|language| language.code().to_owned()).unwrap_or_default(),
        audio_ms: completion.audio_ms,
        processing_ms: completion.processing_ms,
        segment_count: completion.segment_count,
        warnings: completion.warnings.iter().map(warning_to_proto).collect(),
        statistics: statistics.as_ref().map(statistics_to_proto),
    })
}
