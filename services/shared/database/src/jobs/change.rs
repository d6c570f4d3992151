//! Changes to a job's row. Whether a change is legal is decided by the caller, who holds the row's lock.

use escriba_domain::{JobId, JobState, Labels, Language, Statistics, Warning};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
};

use super::{Failure, Job, NewJob};
use crate::{DatabaseError, Transaction, entity::job};

pub async fn insert(tx: &Transaction, new: &NewJob) -> Result<(), DatabaseError> {
    let row = job::ActiveModel {
        id: Set(new.id.as_uuid()),
        workspace_id: Set(new.workspace.as_uuid()),
        media_id: Set(new.media.as_uuid()),
        state: Set(JobState::Queued.to_string()),
        language: Set(new.options.language.map(|language| language.to_string())),
        task: Set(new.options.task.to_string()),
        model: Set(new.options.model.to_string()),
        lane: Set(new.options.lane.to_string()),
        prompt: Set(new.options.prompt.clone()),
        word_timestamps: Set(new.options.word_timestamps),
        languages: Set(serde_json::json!(new.options.languages)),
        multilingual: Set(new.options.multilingual),
        hotwords: Set(serde_json::json!(new.options.hotwords)),
        channels: Set(new.options.channels.to_string()),
        audio_track: Set(new.options.audio_track.as_ref().map(ToString::to_string)),
        statistics: Set(serde_json::json!(Statistics::default())),
        warnings: Set(serde_json::json!([])),
        trace_context: Set(serde_json::json!(new.trace)),
        created_at: Set(tx.now()),
        spoken_language: NotSet,
        audio_ms: Set(new.redo.map(|redo| redo.length_ms().cast_signed())),
        processed_ms: NotSet,
        processing_ms: NotSet,
        time_left_ms: NotSet,
        failure_code: NotSet,
        failure_message: NotSet,
        transcript_version: NotSet,
        started_at: NotSet,
        finished_at: NotSet,
        runs: NotSet,
        title: Set(new.labels.title.clone()),
        tags: Set(serde_json::json!(new.labels.tags)),
        metadata: Set(serde_json::json!(new.labels.metadata)),
        fingerprint: NotSet,
        redo_of: Set(new.redo.map(|redo| redo.of.as_uuid())),
        redo: Set(new.redo.map(|redo| serde_json::json!(redo))),
    };
    job::Entity::insert(row).exec_without_returning(&tx.inner).await?;
    Ok(())
}

/// Writes other labels on the job, in place of all that it had.
pub async fn relabel(tx: &Transaction, id: JobId, labels: &Labels) -> Result<(), DatabaseError> {
    update(tx, id, |row| {
        row.title = Set(labels.title.clone());
        row.tags = Set(serde_json::json!(labels.tags));
        row.metadata = Set(serde_json::json!(labels.metadata));
    })
    .await
}

/// Queued to running.
pub async fn start(tx: &Transaction, id: JobId) -> Result<(), DatabaseError> {
    update(tx, id, |row| {
        row.state = Set(JobState::Running.to_string());
        row.started_at = Set(Some(tx.now()));
    })
    .await
}

/// How far a job has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub processed_ms: u64,
    /// `None` while the length is unknown; what was known before is kept then.
    pub audio_ms: Option<u64>,
    /// `None` while it cannot be told.
    pub time_left_ms: Option<u64>,
}

pub async fn note_progress(tx: &Transaction, id: JobId, progress: Progress) -> Result<(), DatabaseError> {
    update(tx, id, |row| {
        row.processed_ms = Set(progress.processed_ms.cast_signed());
        row.time_left_ms = Set(progress.time_left_ms.map(u64::cast_signed));
        if let Some(audio_ms) = progress.audio_ms {
            row.audio_ms = Set(Some(audio_ms.cast_signed()));
        }
    })
    .await
}

/// The recording's length, as far as it is known.
pub async fn note_length(tx: &Transaction, id: JobId, audio_ms: u64) -> Result<(), DatabaseError> {
    update(tx, id, |row| row.audio_ms = Set(Some(audio_ms.cast_signed()))).await
}

/// So much more of the recording is transcribed.
pub async fn add_processed(tx: &Transaction, id: JobId, millis: u64) -> Result<(), DatabaseError> {
    job::Entity::update_many()
        .col_expr(job::Column::ProcessedMs, Expr::col(job::Column::ProcessedMs).add(millis.cast_signed()))
        .filter(job::Column::Id.eq(id.as_uuid()))
        .exec(&tx.inner)
        .await?;
    Ok(())
}

/// How long the job still takes; `None` when nobody knows, because nobody works on it.
pub async fn note_time_left(tx: &Transaction, id: JobId, time_left_ms: Option<u64>) -> Result<(), DatabaseError> {
    update(tx, id, |row| row.time_left_ms = Set(time_left_ms.map(u64::cast_signed))).await
}

/// The recording is decoded to its end.
pub async fn note_decoded(
    tx: &Transaction,
    id: JobId,
    audio_ms: u64,
    warnings: &[Warning],
) -> Result<(), DatabaseError> {
    update(tx, id, |row| {
        row.audio_ms = Set(Some(audio_ms.cast_signed()));
        row.warnings = Set(serde_json::json!(warnings));
    })
    .await
}

/// Failed or canceled to queued: another run begins.
pub async fn reopen(tx: &Transaction, job: &Job) -> Result<(), DatabaseError> {
    update(tx, job.id, |row| {
        row.state = Set(JobState::Queued.to_string());
        row.runs = Set((job.runs + 1).cast_signed());
        row.started_at = Set(None);
        row.finished_at = Set(None);
        row.failure_code = Set(None);
        row.failure_message = Set(None);
    })
    .await
}

/// The language the workers settled on.
pub async fn note_language(tx: &Transaction, id: JobId, language: Language) -> Result<(), DatabaseError> {
    update(tx, id, |row| row.spoken_language = Set(Some(language.to_string()))).await
}

/// How a job ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The whole recording is transcribed; its length is known by then.
    Completed,
    Failed(Failure),
    Canceled,
}

impl Ending {
    pub const fn state(&self) -> JobState {
        match self {
            Self::Completed => JobState::Completed,
            Self::Failed(_) => JobState::Failed,
            Self::Canceled => JobState::Canceled,
        }
    }
}

/// Ends the job.
pub async fn finish(tx: &Transaction, job: &Job, ending: &Ending) -> Result<(), DatabaseError> {
    update(tx, job.id, |row| {
        row.state = Set(ending.state().to_string());
        row.finished_at = Set(Some(tx.now()));
        row.time_left_ms = Set(None);
        match ending {
            Ending::Completed => {
                row.processed_ms = Set(job.audio_ms.unwrap_or(job.processed_ms).cast_signed());
            }
            Ending::Failed(failure) => {
                row.failure_code = Set(Some(failure.code.clone()));
                row.failure_message = Set(Some(failure.message.clone()));
            }
            Ending::Canceled => {}
        }
    })
    .await
}

/// Adds to the time workers have spent on the job.
pub async fn add_processing(tx: &Transaction, id: JobId, millis: u64) -> Result<(), DatabaseError> {
    job::Entity::update_many()
        .col_expr(job::Column::ProcessingMs, Expr::col(job::Column::ProcessingMs).add(millis.cast_signed()))
        .filter(job::Column::Id.eq(id.as_uuid()))
        .exec(&tx.inner)
        .await?;
    Ok(())
}

/// Adds to what recognition took. The transaction must hold the lock under which the job was read.
pub async fn add_statistics(tx: &Transaction, job: &Job, more: Statistics) -> Result<(), DatabaseError> {
    let mut sum = job.statistics;
    sum += more;
    update(tx, job.id, |row| row.statistics = Set(serde_json::json!(sum))).await
}

/// Deletes the job with its chunks and segments.
pub async fn delete(tx: &Transaction, id: JobId) -> Result<(), DatabaseError> {
    job::Entity::delete_by_id(id.as_uuid()).exec(&tx.inner).await?;
    Ok(())
}

pub(super) async fn update(
    tx: &Transaction,
    id: JobId,
    change: impl FnOnce(&mut job::ActiveModel),
) -> Result<(), DatabaseError> {
    let mut row = <job::ActiveModel as sea_orm::ActiveModelTrait>::default();
    change(&mut row);
    job::Entity::update_many().set(row).filter(job::Column::Id.eq(id.as_uuid())).exec(&tx.inner).await?;
    Ok(())
}
