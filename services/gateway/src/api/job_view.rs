//! A job as callers see it.

use chrono::{DateTime, Utc};
use escriba_database::jobs::Job;
use poem_openapi::{Object, types::Example};
use uuid::Uuid;

/// One request to transcribe one recording.
#[derive(Debug, Object)]
#[oai(rename = "Job", example)]
pub(super) struct JobView {
    id: Uuid,
    /// `queued`, `running`, `completed`, `failed` or `canceled`.
    state: String,
    /// The recording's name, as it was sent.
    file_name: String,
    media: MediaView,
    options: OptionsView,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    /// The recording's length in seconds, once known.
    duration: Option<f64>,
    /// Seconds that workers have spent on it.
    processing_time: f64,
    /// Processing time over duration, once completed: 0.1 is ten times faster than listening.
    real_time_factor: Option<f64>,
    progress: ProgressView,
    /// The language spoken: given or detected. Null until known, and when nobody speaks.
    language: Option<String>,
    /// Why it failed.
    error: Option<ErrorView>,
    /// What is odd about a result that was produced all the same.
    warnings: Vec<WarningView>,
    /// Grows at each edit of the transcript.
    transcript_version: u32,
}

/// The uploaded bytes.
#[derive(Debug, Object)]
#[oai(rename = "JobMedia")]
pub(super) struct MediaView {
    id: Uuid,
    bytes: u64,
    /// In hexadecimal.
    sha256: String,
}

/// What was asked for.
#[derive(Debug, Object)]
#[oai(rename = "JobOptions")]
pub(super) struct OptionsView {
    /// A language code; null means it is detected.
    language: Option<String>,
    /// `transcribe` or `translate`.
    task: String,
    model: String,
    /// `interactive` or `batch`.
    lane: String,
    prompt: Option<String>,
    word_timestamps: bool,
}

/// How far it is.
#[derive(Debug, Object)]
#[oai(rename = "JobProgress")]
pub(super) struct ProgressView {
    /// Everything up to this second is transcribed.
    processed: f64,
    /// 0 to 1; null while the recording's length is unknown.
    ratio: Option<f64>,
}

/// A stable code and a sentence for a person.
#[derive(Debug, Object)]
#[oai(rename = "JobError")]
pub(super) struct ErrorView {
    code: String,
    message: String,
}

/// A stable code and a sentence for a person.
#[derive(Debug, Object)]
#[oai(rename = "JobWarning")]
pub(super) struct WarningView {
    pub(super) code: String,
    pub(super) message: String,
}

/// A page of jobs, newest first.
#[derive(Debug, Object)]
#[oai(example)]
pub(super) struct JobPage {
    pub(super) items: Vec<JobView>,
    /// Send it as `cursor` for the next page; null at the end.
    pub(super) next_cursor: Option<String>,
}

/// Milliseconds as decimal seconds.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of a recording are far below 2^52")]
pub(super) fn seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        let duration = job.audio_ms.map(seconds);
        let processing_time = seconds(job.processing_ms);
        let processed = seconds(job.processed_ms);
        let completed = job.state == escriba_domain::JobState::Completed;
        let share = |of: f64| duration.filter(|duration| *duration > 0.0).map(|duration| of / duration);
        Self {
            id: job.id.as_uuid(),
            state: job.state.to_string(),
            file_name: job.file_name,
            media: MediaView { id: job.media.as_uuid(), bytes: job.media_bytes, sha256: hex::encode(job.media_sha256) },
            created_at: job.created_at,
            started_at: job.started_at,
            finished_at: job.finished_at,
            duration,
            processing_time,
            real_time_factor: share(processing_time).filter(|_| completed),
            progress: ProgressView {
                processed,
                ratio: if completed { Some(1.0) } else { share(processed).map(|ratio| ratio.min(1.0)) },
            },
            language: job.spoken_language.or(job.options.language).map(|language| language.to_string()),
            error: job.failure.map(|failure| ErrorView { code: failure.code, message: failure.message }),
            warnings: job
                .warnings
                .into_iter()
                .map(|warning| WarningView { code: warning.code, message: warning.message })
                .collect(),
            transcript_version: job.transcript_version,
            options: OptionsView {
                language: job.options.language.map(|language| language.to_string()),
                task: job.options.task.to_string(),
                model: job.options.model.to_string(),
                lane: job.options.lane.to_string(),
                prompt: job.options.prompt,
                word_timestamps: job.options.word_timestamps,
            },
        }
    }
}

const EXAMPLE_ID: Uuid = Uuid::from_u128(0x019a_9a3e_7c1b_7d52_8f64_0a5b_1c2d_3e4f);

impl Example for JobView {
    fn example() -> Self {
        let created_at = DateTime::from_timestamp_millis(1_795_000_000_000).unwrap_or_default();
        let after = |millis| created_at.checked_add_signed(chrono::TimeDelta::milliseconds(millis));
        Self {
            id: EXAMPLE_ID,
            state: "completed".to_owned(),
            file_name: "interview.mp3".to_owned(),
            media: MediaView { id: EXAMPLE_ID, bytes: 176_128, sha256: "5e".repeat(32) },
            options: OptionsView {
                language: None,
                task: "transcribe".to_owned(),
                model: "base".to_owned(),
                lane: "interactive".to_owned(),
                prompt: None,
                word_timestamps: true,
            },
            created_at,
            started_at: after(40),
            finished_at: after(1_340),
            duration: Some(11.0),
            processing_time: 1.3,
            real_time_factor: Some(0.118),
            progress: ProgressView { processed: 11.0, ratio: Some(1.0) },
            language: Some("en".to_owned()),
            error: None,
            warnings: Vec::new(),
            transcript_version: 1,
        }
    }
}

impl Example for JobPage {
    fn example() -> Self {
        Self { items: vec![JobView::example()], next_cursor: Some(EXAMPLE_ID.to_string()) }
    }
}
