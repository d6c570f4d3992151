//! The end of a job, however it comes: its state, its chunks and its event in one transaction.

use escriba_database::{
    DatabaseError, Transaction, chunks,
    jobs::{self, Ending, Failure, Job},
    outbox,
};
use escriba_domain::{ChunkState, FailureCode, JobState};
use escriba_events::{Completion, Headers, event_message, job_canceled, job_completed, job_failed};

use super::place_redo::place_redo;

/// Ends a job whose lock the transaction holds. A job that is over stays as it is: the answer is `false`.
pub(super) async fn end_job(
    tx: &Transaction,
    job: &Job,
    ending: &Ending,
    trace: &Headers,
) -> Result<bool, DatabaseError> {
    if !job.state.may_become(ending.state()) {
        return Ok(false);
    }
    jobs::finish(tx, job, ending).await?;
    let event = match ending {
        Ending::Completed => {
            if let Some(redo) = &job.redo {
                place_redo(tx, job, redo).await?;
            }
            let completion = Completion {
                language: job.spoken_language.or(job.options.language),
                audio_ms: job.audio_ms.unwrap_or_default(),
                processing_ms: job.processing_ms,
                segment_count: chunks::count_segments(tx, job.id).await?,
                warnings: job.warnings.clone(),
                statistics: job.statistics,
            };
            job_completed(job.workspace, job.id, &completion)
        }
        Ending::Failed(failure) => {
            chunks::end_unfinished(tx, job.id, ChunkState::Failed).await?;
            job_failed(job.workspace, job.id, &failure.code, &failure.message)
        }
        Ending::Canceled => {
            chunks::end_unfinished(tx, job.id, ChunkState::Canceled).await?;
            job_canceled(job.workspace, job.id)
        }
    };
    outbox::append(tx, event_message(&event, tx.now(), trace)).await?;
    let state: JobState = ending.state();
    tracing::info!(job = %job.id, %state, "a job ended");
    metrics::counter!("escriba_jobs_ended_total", "state" => state.as_str()).increment(1);
    Ok(true)
}

/// A failure in the project's own words.
pub(super) fn failure(code: FailureCode) -> Failure {
    Failure { code: code.to_string(), message: code.sentence().to_owned() }
}
