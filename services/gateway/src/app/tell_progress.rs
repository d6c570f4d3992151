//! Tells a job's listeners how far it is: said once, and forgotten.

use escriba_database::jobs::Job;

use super::App;

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Told {
    pub(super) processed_ms: u64,
    /// The length of the recording, once known.
    pub(super) audio_ms: Option<u64>,
    /// Milliseconds of recording transcribed a millisecond; 0 while that is unknown.
    pub(super) speed: f64,
    /// How long the rest takes at this speed; `None` while it cannot be told.
    pub(super) time_left_ms: Option<u64>,
}

pub(super) async fn tell_progress(app: &App, job: &Job, told: Told) {
    let message = escriba_events::v1::JobProgress {
        workspace_id: job.workspace.to_string(),
        job_id: job.id.to_string(),
        processed_ms: told.processed_ms,
        audio_ms: told.audio_ms.unwrap_or(0),
        speed: told.speed,
        time_left_ms: told.time_left_ms,
    };
    app.messaging.tell_progress(job.workspace, job.id, &message).await;
}
