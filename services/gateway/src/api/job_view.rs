//! A job as callers see it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use escriba_database::{chunks::ChunkCounts, jobs::Job};
use escriba_domain::{JobOptions, JobState, Statistics};
use poem_openapi::{Object, types::Example};
use uuid::Uuid;

use super::job_page::HighlightView;
use crate::app::look_at_queue::Place;

/// One request to transcribe one recording.
#[derive(Debug, Object)]
#[oai(rename = "Job", example)]
pub(super) struct JobView {
    id: Uuid,
    /// `queued`, `running`, `completed`, `failed` or `canceled`.
    state: String,
    /// The recording's name, as it was sent.
    file_name: String,
    /// As its sender calls it.
    title: Option<String>,
    /// What its sender finds it by.
    tags: Vec<String>,
    /// What its sender keeps with it.
    metadata: BTreeMap<String, String>,
    media: MediaView,
    options: OptionsView,
    /// The span of another job's recording that it transcribes again; null for all other jobs.
    redo: Option<RedoView>,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    /// The length in seconds of the recording, or of the span that is transcribed again, once known.
    duration: Option<f64>,
    /// Seconds that workers have spent on it.
    processing_time: f64,
    /// Processing time over duration, once completed: 0.1 is ten times faster than listening.
    real_time_factor: Option<f64>,
    progress: ProgressView,
    /// The pieces it is worked on in. A long recording has many, which several workers may share.
    chunks: ChunksView,
    /// Where it stands in the queue; null once it is taken, in lists, and in the answer to its submission.
    queue: Option<JobQueueView>,
    /// The language spoken: given or detected. Null until known, and when nobody speaks.
    language: Option<String>,
    /// Why it failed.
    error: Option<ErrorView>,
    /// What is odd about a result that was produced all the same.
    warnings: Vec<WarningView>,
    /// What recognition took and what it left out; while the job runs, so far.
    statistics: StatisticsView,
    /// Grows at each edit of the transcript.
    transcript_version: u32,
    /// Where a search found something: in its title, its file name, and the first places of its transcript. Null unless
    /// `q` was asked for. It may be empty, as where a phrase goes on from one segment into the next.
    pub(super) highlights: Option<Vec<HighlightView>>,
}

/// A span that is transcribed again. Once the job is completed, what it heard takes its place in the transcript.
#[derive(Debug, Object)]
#[oai(rename = "JobRedo")]
struct RedoView {
    /// The job whose transcript it is.
    job_id: Uuid,
    /// Where the span begins, in seconds of the recording.
    from: f64,
    /// Where it ends.
    to: f64,
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
    /// The language codes to choose from when it is detected; empty means all.
    languages: Vec<String>,
    /// Whether the language is detected anew throughout the recording.
    multilingual: bool,
    /// `transcribe` or `translate`.
    task: String,
    model: String,
    /// `interactive` or `batch`.
    lane: String,
    prompt: Option<String>,
    /// Words and names to expect everywhere in the recording.
    hotwords: Vec<String>,
    /// `mix`: all channels are heard as one; `separate`: each is transcribed on its own.
    channels: String,
    /// The audio track asked for, by its number from 1 or its language; null: the one most likely meant.
    audio_track: Option<String>,
    word_timestamps: bool,
}

/// How far it is.
#[derive(Debug, Object)]
#[oai(rename = "JobProgress")]
pub(super) struct ProgressView {
    /// So many seconds of the recording are transcribed.
    processed: f64,
    /// 0 to 1; null while the recording's length is unknown.
    ratio: Option<f64>,
    /// About how many seconds until the recording is transcribed; null while that cannot be told, and when the job does
    /// not run.
    time_left: Option<f64>,
}

/// A recording of more than a few minutes is read once, which is its first chunk, and cut in silence; each piece is a
/// chunk too.
#[derive(Debug, Object)]
#[oai(rename = "JobChunks")]
pub(super) struct ChunksView {
    /// All that are known so far.
    total: u64,
    waiting: u64,
    running: u64,
    completed: u64,
}

/// Where a waiting job stands.
#[derive(Debug, Object)]
#[oai(rename = "JobQueuePlace")]
pub(super) struct JobQueueView {
    /// 1 is next. Workspaces take turns, so it may rise when another one sends a recording.
    position: u64,
    /// About how many seconds until it is transcribed, at the speed measured of the workers that are there; null while
    /// none is there or nothing was measured.
    time_to_completion: Option<f64>,
}

/// What recognition took, and what it left out of the transcript.
#[derive(Debug, Object)]
#[oai(rename = "JobStatistics")]
pub(super) struct StatisticsView {
    /// Seconds of the recording in which somebody speaks. Channels that are transcribed separately count separately.
    speech: f64,
    /// Stretches of speech, of at most half a minute, that were recognised.
    windows: u32,
    /// How many of these were recognised again with all the context the model can take in.
    full_context_windows: u32,
    /// How many of these were recognised again at a higher temperature, because the first result was poor.
    hotter_windows: u32,
    /// How many of these turned out to hold no speech.
    silent_windows: u32,
    /// Segments left out because they only repeat themselves.
    dropped_loops: u32,
    /// Segments left out because nobody seems to speak there: remarks and stock phrases that models make up.
    dropped_phantoms: u32,
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

/// From seconds as callers send them; `None` for what is no position in a recording, or no length of one.
pub(super) fn millis(seconds: f64) -> Option<u64> {
    // Some thirty years.
    const MOST: f64 = 1e9;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "neither negative nor large")]
    (0.0..=MOST).contains(&seconds).then(|| (seconds * 1000.0).round() as u64)
}

/// Milliseconds as decimal seconds.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of a recording are far below 2^52")]
pub(super) fn seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
}

impl From<ChunkCounts> for ChunksView {
    fn from(counts: ChunkCounts) -> Self {
        let ChunkCounts { waiting, running, completed, .. } = counts;
        Self { total: counts.total(), waiting, running, completed }
    }
}

impl From<Place> for JobQueueView {
    fn from(place: Place) -> Self {
        Self { position: place.position, time_to_completion: place.time_to_completion_ms.map(seconds) }
    }
}

impl JobView {
    pub(super) fn new(job: Job, counts: ChunkCounts, place: Option<Place>) -> Self {
        let duration = job.audio_ms.map(seconds);
        let processing_time = seconds(job.processing_ms);
        let processed = seconds(job.processed_ms);
        let completed = job.state == JobState::Completed;
        let time_left = job.time_left_ms.filter(|_| job.state == JobState::Running).map(seconds);
        let share = |of: f64| duration.filter(|duration| *duration > 0.0).map(|duration| of / duration);
        Self {
            id: job.id.as_uuid(),
            state: job.state.to_string(),
            file_name: job.file_name,
            title: job.labels.title,
            tags: job.labels.tags,
            metadata: job.labels.metadata,
            media: MediaView { id: job.media.as_uuid(), bytes: job.media_bytes, sha256: hex::encode(job.media_sha256) },
            redo: job.redo.map(|redo| RedoView {
                job_id: redo.of.as_uuid(),
                from: seconds(redo.from_ms),
                to: seconds(redo.to_ms),
            }),
            created_at: job.created_at,
            started_at: job.started_at,
            finished_at: job.finished_at,
            duration,
            processing_time,
            real_time_factor: share(processing_time).filter(|_| completed),
            progress: ProgressView {
                processed,
                ratio: if completed { Some(1.0) } else { share(processed).map(|ratio| ratio.min(1.0)) },
                time_left,
            },
            language: job.spoken_language.or(job.options.language).map(|language| language.to_string()),
            error: job.failure.map(|failure| ErrorView { code: failure.code, message: failure.message }),
            warnings: job
                .warnings
                .into_iter()
                .map(|warning| WarningView { code: warning.code, message: warning.message })
                .collect(),
            statistics: job.statistics.into(),
            chunks: counts.into(),
            queue: place.map(JobQueueView::from),
            transcript_version: job.transcript_version,
            highlights: None,
            options: job.options.into(),
        }
    }
}

impl From<JobOptions> for OptionsView {
    fn from(options: JobOptions) -> Self {
        Self {
            language: options.language.map(|language| language.to_string()),
            languages: options.languages.iter().map(ToString::to_string).collect(),
            multilingual: options.multilingual,
            task: options.task.to_string(),
            model: options.model.to_string(),
            lane: options.lane.to_string(),
            prompt: options.prompt,
            hotwords: options.hotwords,
            channels: options.channels.to_string(),
            audio_track: options.audio_track.map(|track| track.to_string()),
            word_timestamps: options.word_timestamps,
        }
    }
}

impl From<Statistics> for StatisticsView {
    fn from(statistics: Statistics) -> Self {
        Self {
            speech: seconds(statistics.speech_ms),
            windows: statistics.windows,
            full_context_windows: statistics.full_context_windows,
            hotter_windows: statistics.hotter_windows,
            silent_windows: statistics.silent_windows,
            dropped_loops: statistics.dropped_loops,
            dropped_phantoms: statistics.dropped_phantoms,
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
            title: Some("Interview with the mayor".to_owned()),
            tags: vec!["radio".to_owned(), "2026".to_owned()],
            metadata: BTreeMap::from([("customer".to_owned(), "4711".to_owned())]),
            media: MediaView { id: EXAMPLE_ID, bytes: 176_128, sha256: "5e".repeat(32) },
            options: OptionsView {
                language: None,
                languages: vec!["en".to_owned(), "es".to_owned()],
                multilingual: false,
                task: "transcribe".to_owned(),
                model: "base".to_owned(),
                lane: "interactive".to_owned(),
                prompt: None,
                hotwords: vec!["Escriba".to_owned(), "JetStream".to_owned()],
                channels: "mix".to_owned(),
                audio_track: None,
                word_timestamps: true,
            },
            redo: None,
            created_at,
            started_at: after(40),
            finished_at: after(1_340),
            duration: Some(11.0),
            processing_time: 1.3,
            real_time_factor: Some(0.118),
            progress: ProgressView { processed: 11.0, ratio: Some(1.0), time_left: None },
            chunks: ChunksView { total: 1, waiting: 0, running: 0, completed: 1 },
            queue: None,
            language: Some("en".to_owned()),
            error: None,
            warnings: Vec::new(),
            statistics: Statistics { speech_ms: 9_480, windows: 1, ..Statistics::default() }.into(),
            transcript_version: 1,
            highlights: None,
        }
    }
}
