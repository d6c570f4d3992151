//! A worker says how far it is: its lease is renewed, and the job's listeners hear of the progress.

use escriba_database::{DatabaseError, chunks, jobs};
use escriba_domain::{JobId, WorkspaceId};

use super::{
    App,
    hold::{Claimed, Held, LEASE_TIME, RECONNECT_TIME, hold},
};

/// How far a worker is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    pub processed_ms: u64,
    /// The length of the recording, once known.
    pub audio_ms: Option<u64>,
    /// Milliseconds of recording transcribed a millisecond of work; 0 while that is unknown.
    pub speed: f64,
    /// How long the rest takes at this speed; `None` while it cannot be told.
    pub time_left_ms: Option<u64>,
}

pub async fn renew_lease(app: &App, claimed: Claimed, progress: Progress) -> Result<Held<()>, DatabaseError> {
    let tx = app.db.begin().await?;
    let job = match hold(&tx, claimed).await? {
        Held::Yes((job, _)) => job,
        Held::No(lost) => return Ok(Held::No(lost)),
    };
    chunks::renew(&tx, claimed.chunk, LEASE_TIME).await?;
    let Progress { processed_ms, audio_ms, time_left_ms, .. } = progress;
    jobs::note_progress(&tx, job.id, jobs::Progress { processed_ms, audio_ms, time_left_ms }).await?;
    tx.commit().await?;
    tell(app, job.workspace, job.id, progress).await;
    Ok(Held::Yes(()))
}

async fn tell(app: &App, workspace: WorkspaceId, job: JobId, progress: Progress) {
    let message = escriba_events::v1::JobProgress {
        workspace_id: workspace.to_string(),
        job_id: job.to_string(),
        processed_ms: progress.processed_ms,
        audio_ms: progress.audio_ms.unwrap_or(0),
        speed: progress.speed,
        time_left_ms: progress.time_left_ms,
    };
    app.messaging.tell_progress(workspace, job, &message).await;
}

/// The worker's stream broke without an end: the chunk waits only a little for it to come back.
pub async fn shorten_lease(app: &App, claimed: Claimed) -> Result<(), DatabaseError> {
    let tx = app.db.begin().await?;
    if let Held::Yes(_) = hold(&tx, claimed).await? {
        chunks::renew(&tx, claimed.chunk, RECONNECT_TIME).await?;
        tx.commit().await?;
    }
    Ok(())
}
