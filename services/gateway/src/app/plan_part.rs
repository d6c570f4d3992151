//! The speech of a span of a long recording is stored: the span becomes a chunk of its own, which any worker may take.

use escriba_database::{
    DatabaseError,
    chunks::{self, NewPart},
    jobs,
};
use escriba_domain::{ChunkKind, Language};
use escriba_events::WorkItem;

use super::{
    App, bells,
    hold::{Claimed, Held, LEASE_TIME, hold},
};

/// What a worker stored.
#[derive(Debug)]
pub struct PlannedPart {
    pub part: NewPart,
    /// Of the recording, once settled.
    pub language: Option<Language>,
}

pub async fn plan_part(app: &App, claimed: Claimed, planned: PlannedPart) -> Result<Held<()>, DatabaseError> {
    let tx = app.db.begin().await?;
    let (job, whole) = match hold(&tx, claimed).await? {
        Held::Yes(held) => held,
        Held::No(lost) => return Ok(Held::No(lost)),
    };
    chunks::renew(&tx, whole.id, LEASE_TIME).await?;
    let part = planned.part;
    // A repeat of what is committed already plans nothing.
    if whole.kind == ChunkKind::Whole && part.position == whole.part_count + 1 {
        if job.spoken_language.is_none()
            && let Some(language) = planned.language
        {
            jobs::note_language(&tx, job.id, language).await?;
        }
        chunks::insert_part(&tx, &job, part).await?;
        chunks::note_part(&tx, whole.id, part.position, part.end_ms).await?;
        // The part queues where the whole did.
        let item = WorkItem { chunk_id: part.id, ring: 1, ..bells::item(&whole) };
        bells::ring(&tx, &item, &job.trace).await?;
    }
    tx.commit().await?;
    Ok(Held::Yes(()))
}
