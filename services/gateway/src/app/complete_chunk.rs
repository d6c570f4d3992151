//! A chunk is transcribed; the last one completes its job.

use escriba_database::{
    DatabaseError, chunks,
    jobs::{self, Ending},
};
use escriba_domain::{ChunkState, Language, Warning};
use escriba_runtime::trace_context;

use super::{
    App,
    end_job::end_job,
    hold::{Claimed, Held, hold},
};

/// What a worker says at the end of a chunk.
#[derive(Debug)]
pub struct ChunkEnd {
    pub audio_ms: u64,
    pub processing_ms: u64,
    pub language: Option<Language>,
    pub warnings: Vec<Warning>,
}

pub async fn complete_chunk(app: &App, claimed: Claimed, end: ChunkEnd) -> Result<Held<()>, DatabaseError> {
    let tx = app.db.begin().await?;
    let (mut job, chunk) = match hold(&tx, claimed).await? {
        Held::Yes(held) => held,
        Held::No(lost) => return Ok(Held::No(lost)),
    };
    chunks::end(&tx, chunk.id, ChunkState::Completed).await?;
    jobs::add_processing(&tx, job.id, end.processing_ms).await?;
    job.processing_ms += end.processing_ms;
    if job.spoken_language.is_none()
        && let Some(language) = end.language
    {
        jobs::note_language(&tx, job.id, language).await?;
        job.spoken_language = Some(language);
    }
    if chunks::count_unfinished(&tx, job.id).await? == 0 {
        let ending = Ending::Completed { audio_ms: end.audio_ms, warnings: end.warnings };
        end_job(&tx, &job, &ending, &trace_context::current()).await?;
    }
    tx.commit().await?;
    Ok(Held::Yes(()))
}
