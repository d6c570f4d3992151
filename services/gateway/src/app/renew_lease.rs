//! A worker says how far it is: its lease is renewed, and the job's listeners hear of the progress.

use escriba_database::{DatabaseError, chunks, jobs};
use escriba_domain::{ChunkKind, Redo};

use super::{
    App,
    hold::{Claimed, Held, LEASE_TIME, RECONNECT_TIME, hold},
    tell_progress::{Told, tell_progress},
};

/// How far a worker is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// In the recording.
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
    let (job, chunk) = match hold(&tx, claimed).await? {
        Held::Yes(held) => held,
        Held::No(lost) => return Ok(Held::No(lost)),
    };
    chunks::renew(&tx, claimed.chunk, LEASE_TIME).await?;
    let Progress { processed_ms, audio_ms, speed, time_left_ms } = of_span(progress, job.redo.as_ref());
    let is_alone = chunk.kind == ChunkKind::Whole && chunk.part_count == 0;
    if is_alone {
        jobs::note_progress(&tx, job.id, jobs::Progress { processed_ms, audio_ms, time_left_ms }).await?;
    } else if chunk.kind == ChunkKind::Whole
        && let Some(audio_ms) = audio_ms.filter(|_| audio_ms != job.audio_ms)
    {
        // How far a job in parts is, is what its parts have committed.
        jobs::note_length(&tx, job.id, audio_ms).await?;
    }
    tx.commit().await?;
    if is_alone {
        tell_progress(app, &job, Told { processed_ms, audio_ms, speed, time_left_ms }).await;
    }
    Ok(Held::Yes(()))
}

/// A worker says how far it is in the recording. Where a span is done again, that is all there is of it.
fn of_span(progress: Progress, redo: Option<&Redo>) -> Progress {
    let Some(redo) = redo else { return progress };
    let processed_ms = progress.processed_ms.clamp(redo.from_ms, redo.to_ms) - redo.from_ms;
    let rest_ms = redo.length_ms() - processed_ms;
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "milliseconds of a recording are far below 2^52, and no speed is negative"
    )]
    let time_left_ms = progress.time_left_ms.map(|_| (rest_ms as f64 / progress.speed) as u64);
    Progress { processed_ms, audio_ms: Some(redo.length_ms()), time_left_ms, ..progress }
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
