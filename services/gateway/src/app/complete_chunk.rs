//! A chunk is done; the last one completes its job. A long recording in parts is done once it is planned.

use escriba_blobs::ObjectKey;
use escriba_database::{
    DatabaseError, chunks,
    jobs::{self, Ending},
};
use escriba_domain::{ChunkKind, ChunkState, Language, Warning};
use escriba_runtime::trace_context;

use super::{
    App, bells,
    end_job::end_job,
    hold::{Claimed, Held, hold},
    room::{longest_audio, too_long},
};

/// What a worker says at the end of a chunk.
#[derive(Debug)]
pub struct ChunkEnd {
    /// Of the recording; only who decoded it knows.
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
    match chunk.kind {
        ChunkKind::Whole => {
            let audio_ms = job.redo.map_or(end.audio_ms, |redo| redo.length_ms());
            jobs::note_decoded(&tx, job.id, audio_ms, &end.warnings).await?;
            (job.audio_ms, job.warnings) = (Some(audio_ms), end.warnings);
        }
        ChunkKind::Part => {
            let rest_ms = chunk.end_ms.unwrap_or_default().saturating_sub(chunk.through_ms);
            jobs::add_processed(&tx, job.id, rest_ms).await?;
        }
    }
    if job.spoken_language.is_none()
        && let Some(language) = end.language
    {
        jobs::note_language(&tx, job.id, language).await?;
        job.spoken_language = Some(language);
    }
    // A worker of the release before does not know of the limit.
    let limit = longest_audio(&tx, job.workspace).await?.filter(|limit| end.audio_ms > *limit);
    let is_refused = limit.filter(|_| chunk.kind == ChunkKind::Whole);
    if let Some(limit_ms) = is_refused {
        end_job(&tx, &job, &Ending::Failed(too_long(limit_ms)), &trace_context::current()).await?;
    } else if chunks::count_unfinished(&tx, job.id).await? == 0 {
        end_job(&tx, &job, &Ending::Completed, &trace_context::current()).await?;
    }
    tx.commit().await?;
    if is_refused.is_some() {
        bells::silence(app, &job).await;
    }
    if chunk.kind == ChunkKind::Part {
        let speech = ObjectKey::Windows { workspace: job.workspace, job: job.id, chunk: chunk.id };
        if let Err(error) = app.blobs.delete(speech).await {
            tracing::warn!(%error, key = %speech, "the speech of a chunk that is done was left in storage");
        }
    }
    Ok(Held::Yes(()))
}
