//! Segments became final: they, the point to resume from, and their event commit together, once.

use escriba_database::{DatabaseError, chunks, jobs, outbox, transcripts};
use escriba_domain::{Language, Segment, Statistics};
use escriba_events::{event_message, job_segments_added};
use escriba_runtime::trace_context;

use super::{
    App,
    hold::{Claimed, Held, LEASE_TIME, hold},
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
    if advances {
        jobs::add_statistics(&tx, &job, finished.statistics).await?;
    }
    if let Some(last) = new.last() {
        transcripts::insert(&tx, job.id, chunk.id, &new).await?;
        let event = job_segments_added(job.workspace, job.id, chunk.id, &new);
        outbox::append(&tx, event_message(&event, tx.now(), &trace_context::current())).await?;
        chunks::advance(&tx, chunk.id, finished.through_ms, last.index + 1).await?;
    } else if advances {
        chunks::advance(&tx, chunk.id, finished.through_ms, chunk.segment_count).await?;
    }
    tx.commit().await?;
    Ok(Held::Yes(()))
}
