//! Segments became final: they, the point to resume from, and their event commit together, once.

use escriba_database::{
    DatabaseError, Transaction,
    chunks::{self, Chunk},
    jobs::{self, Job},
    outbox, transcripts,
};
use escriba_domain::{ChunkKind, Language, Segment, Statistics};
use escriba_events::{event_message, job_segments_added};
use escriba_runtime::trace_context;

use super::{
    App,
    hold::{Claimed, Held, LEASE_TIME, hold},
    tell_progress::{Told, tell_progress},
};

/// What a worker finished.
#[derive(Debug)]
pub struct Finished {
    pub segments: Vec<Segment>,
    /// Everything before this is in these segments or earlier ones.
    pub through_ms: u64,
    pub language: Option<Language>,
    /// What recognising these took.
    pub statistics: Statistics,
    /// Milliseconds of recording a millisecond of work, of this attempt; `None` until it is known.
    pub speed: Option<f64>,
}

pub async fn commit_segments(app: &App, claimed: Claimed, finished: Finished) -> Result<Held<()>, DatabaseError> {
    let tx = app.db.begin().await?;
    let (job, chunk) = match hold(&tx, claimed).await? {
        Held::Yes(held) => held,
        Held::No(lost) => return Ok(Held::No(lost)),
    };
    chunks::renew(&tx, chunk.id, LEASE_TIME).await?;
    if job.spoken_language.is_none()
        && let Some(language) = finished.language
    {
        jobs::note_language(&tx, job.id, language).await?;
    }
    // A repeat of what is committed already adds nothing and tells nobody.
    let new: Vec<Segment> =
        finished.segments.into_iter().filter(|segment| segment.index >= chunk.segment_count).collect();
    let advances = !new.is_empty() || finished.through_ms > chunk.through_ms;
    let mut told = None;
    if advances {
        jobs::add_statistics(&tx, &job, finished.statistics).await?;
        if chunk.kind == ChunkKind::Part {
            told = Some(advance_part(&tx, &job, &chunk, (finished.through_ms, finished.speed)).await?);
        }
    }
    if let Some(last) = new.last() {
        transcripts::insert(&tx, job.id, chunk.id, &new).await?;
        let event = job_segments_added(job.workspace, job.id, (chunk.id, chunk.position), &new);
        outbox::append(&tx, event_message(&event, tx.now(), &trace_context::current())).await?;
        chunks::advance(&tx, chunk.id, finished.through_ms, last.index + 1).await?;
    } else if advances {
        chunks::advance(&tx, chunk.id, finished.through_ms, chunk.segment_count).await?;
    }
    tx.commit().await?;
    if let Some(told) = told {
        tell_progress(app, &job, told).await;
    }
    Ok(Held::Yes(()))
}

/// Adds what a part got done to its job, and judges from what all its workers do how long it still takes.
async fn advance_part(
    tx: &Transaction,
    job: &Job,
    chunk: &Chunk,
    (through_ms, speed): (u64, Option<f64>),
) -> Result<Told, DatabaseError> {
    let done_ms = through_ms.saturating_sub(chunk.through_ms);
    jobs::add_processed(tx, job.id, done_ms).await?;
    if let Some(speed) = speed {
        chunks::note_speed(tx, chunk.id, speed).await?;
    }
    let processed_ms = job.processed_ms + done_ms;
    let speed = chunks::sum_speed(tx, job.id).await?;
    let rest_ms = job.audio_ms.map(|audio_ms| audio_ms.saturating_sub(processed_ms));
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "milliseconds of a recording are far below 2^52, and no speed is negative"
    )]
    let time_left_ms = rest_ms.filter(|_| speed > 0.0).map(|rest_ms| (rest_ms as f64 / speed) as u64);
    jobs::note_time_left(tx, job.id, time_left_ms).await?;
    Ok(Told { processed_ms, audio_ms: job.audio_ms, speed, time_left_ms })
}
