//! Has a span of a recording transcribed again, with other options. That is a job of its own, which waits, runs, fails and
//! is told of like any other; once it is completed, what it heard takes its place in the transcript (`place_redo.rs`).

use std::ops::Range;

use escriba_database::{
    DatabaseError, Transaction,
    api_keys::Caller,
    jobs::{self, Job},
    transcripts,
};
use escriba_domain::{ErrorKind, JobId, JobOptions, JobState, Redo, Segment};
use escriba_events::QueuedMedia;

use super::{
    App,
    answer_once::{Answer, Once, OnceError},
    edit_transcript::At,
    room::{RoomError, take_room},
    submit_job::{Submission, SubmitError, check_submission, enqueue, note_accepted},
};

#[derive(Debug, thiserror::Error)]
pub enum RedoError {
    #[error("There is no job {0}.")]
    NotFound(JobId),
    #[error("The job is {0}. A span can be transcribed again once all of it is transcribed.")]
    NotCompleted(JobState),
    #[error("This job does a span of the job {0} again. Ask for another redo of that one.")]
    IsRedo(JobId),
    #[error("The recording has been deleted meanwhile, as this workspace asks for. Send it again.")]
    MediaGone,
    #[error("The span is empty. `from` and `to` are seconds of the recording, and `to` is the later one.")]
    Empty,
    #[error("The recording ends at {0}, and the span goes on after that.")]
    BeyondEnd(At),
    #[error(transparent)]
    Submit(#[from] SubmitError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<RoomError> for RedoError {
    fn from(error: RoomError) -> Self {
        Self::Submit(error.into())
    }
}

impl From<OnceError> for RedoError {
    fn from(error: OnceError) -> Self {
        Self::Submit(error.into())
    }
}

impl RedoError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::NotCompleted(_) | Self::IsRedo(_) | Self::MediaGone => ErrorKind::Conflict,
            Self::Empty | Self::BeyondEnd(_) => ErrorKind::Invalid,
            Self::Submit(error) => error.kind(),
            Self::Database(error) => error.kind(),
        }
    }

    /// What programs know it by.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "job_not_found",
            Self::NotCompleted(_) => "job_not_completed",
            Self::IsRedo(_) => "job_is_redo",
            Self::MediaGone => "media_deleted",
            Self::Empty | Self::BeyondEnd(_) => "span_invalid",
            Self::Submit(error) => error.code(),
            Self::Database(_) => "unavailable",
        }
    }
}

/// Queues the job that does it. Segments are done again as a whole: the span is widened to those that it cuts. Which
/// channels and which audio track are heard stays as it was. The answer that tells of the new job is committed with it.
pub async fn redo_span(
    app: &App,
    caller: Caller,
    id: JobId,
    (span, options): (Range<u64>, JobOptions),
    once: &Once,
    answer: impl FnOnce(Job) -> Answer,
) -> Result<Answer, RedoError> {
    if span.is_empty() {
        return Err(RedoError::Empty);
    }
    let tx = app.db.begin().await?;
    let whole = lock_whole(&tx, caller, id).await?;
    let (channels, audio_track) = (whole.options.channels, whole.options.audio_track.clone());
    let submission = Submission::unlabelled(JobOptions { channels, audio_track, ..options });
    check_submission(app, &submission)?;
    if let Some(audio_ms) = whole.audio_ms.filter(|audio_ms| span.end > *audio_ms) {
        return Err(RedoError::BeyondEnd(At(audio_ms)));
    }
    let stored = transcripts::load(&tx, id, whole.transcript_version).await?;
    let segments: Vec<&Segment> = stored.iter().map(|stored| &stored.identified.segment).collect();
    let span = widened(span, &segments);
    take_room(&tx, caller.workspace).await?;
    let redo =
        Redo { of: id, from_ms: span.start, to_ms: span.end, by: caller.key, given_language: whole.options.language };
    let media = QueuedMedia { id: whole.media, file_name: whole.file_name, bytes: whole.media_bytes };
    let job = enqueue(&tx, caller.workspace, media, submission, Some(redo)).await?;
    let answer = answer(job.clone());
    once.keep(&tx, &answer).await?;
    tx.commit().await?;
    note_accepted(&job);
    Ok(answer)
}

async fn lock_whole(tx: &Transaction, caller: Caller, id: JobId) -> Result<Job, RedoError> {
    let job = jobs::lock(tx, id).await?.filter(|job| job.workspace == caller.workspace);
    let job = job.ok_or(RedoError::NotFound(id))?;
    if let Some(redo) = job.redo {
        return Err(RedoError::IsRedo(redo.of));
    }
    if job.state != JobState::Completed {
        return Err(RedoError::NotCompleted(job.state));
    }
    if job.media_deleted_at.is_some() {
        return Err(RedoError::MediaGone);
    }
    Ok(job)
}

/// The span with all of every segment that lies in it with any part.
fn widened(mut span: Range<u64>, segments: &[&Segment]) -> Range<u64> {
    loop {
        let touched = segments.iter().filter(|segment| segment.start_ms < span.end && segment.end_ms > span.start);
        let wider = touched
            .fold(span.clone(), |wider, segment| wider.start.min(segment.start_ms)..wider.end.max(segment.end_ms));
        if wider == span {
            return span;
        }
        span = wider;
    }
}

#[cfg(test)]
mod tests {
    use escriba_test_support::segment;

    use super::*;

    fn lasting(start_ms: u64, end_ms: u64) -> Segment {
        Segment { start_ms, end_ms, ..segment(0) }
    }

    #[test]
    fn segments_are_never_cut() {
        let all = [lasting(0, 2_000), lasting(2_000, 5_000), lasting(4_500, 7_000), lasting(9_000, 10_000)];
        let segments: Vec<&Segment> = all.iter().collect();
        assert_eq!(widened(0..1_000, &segments), 0..2_000);
        assert_eq!(widened(2_000..2_001, &segments), 2_000..7_000);
        assert_eq!(widened(7_000..9_000, &segments), 7_000..9_000);
        assert_eq!(widened(1_999..9_001, &segments), 0..10_000);
    }
}
