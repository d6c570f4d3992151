//! Accepts a job: its row, its chunk, its event and its work item commit together or not at all.

use escriba_database::{DatabaseError, Transaction, chunks, jobs, media, outbox};
use escriba_domain::{
    ErrorKind, JobId, JobOptions, LabelError, Labels, Language, MAX_HOTWORD_CHARS, MAX_PROMPT_CHARS, ModelName, Redo,
    WorkspaceId, hint_chars,
};
use escriba_events::{QueuedMedia, WorkItem, event_message, job_queued};
use escriba_runtime::trace_context;

use super::{
    App,
    answer_once::{Answer, Once, OnceError},
    bells,
    room::{RoomError, take_room},
};

#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    #[error("The model `{asked}` is not offered here. Ask for one of: {offered}.")]
    ModelNotOffered { asked: ModelName, offered: String },
    #[error("The prompt has {chars} characters; at most {MAX_PROMPT_CHARS} are taken.")]
    PromptTooLong { chars: usize },
    #[error("The prompt and the hotwords have {chars} characters together; at most {MAX_PROMPT_CHARS} are taken.")]
    HintsTooLong { chars: usize },
    #[error("The hotword `{word}` has {chars} characters; at most {MAX_HOTWORD_CHARS} are taken.")]
    HotwordTooLong { word: String, chars: usize },
    #[error("The model `{0}` knows English alone. Leave the language out, ask for `en`, or use a multilingual model.")]
    EnglishOnly(ModelName),
    #[error(
        "`language` says which language is spoken, and `languages` lists those to choose from. Send one of the two."
    )]
    LanguageGivenAndOpen,
    #[error(
        "`language` holds the whole recording to one language, and `multilingual` lets it change. Send one of the two."
    )]
    LanguageFixedAndChanging,
    #[error(transparent)]
    Labels(#[from] LabelError),
    #[error(transparent)]
    Once(#[from] OnceError),
    #[error(transparent)]
    Room(#[from] RoomError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl SubmitError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::ModelNotOffered { .. }
            | Self::PromptTooLong { .. }
            | Self::HintsTooLong { .. }
            | Self::HotwordTooLong { .. }
            | Self::EnglishOnly(_)
            | Self::LanguageGivenAndOpen
            | Self::LanguageFixedAndChanging
            | Self::Labels(_) => ErrorKind::Invalid,
            Self::Once(error) => error.kind(),
            Self::Room(error) => error.kind(),
            Self::Database(error) => error.kind(),
        }
    }

    /// What programs know it by.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Room(error) => error.code(),
            Self::Labels(error) => error.code(),
            _ => "option_invalid",
        }
    }
}

/// What a job is to do, and what is written on it.
#[derive(Debug, Clone)]
pub struct Submission {
    pub options: JobOptions,
    pub labels: Labels,
}

impl Submission {
    /// Nothing is written on it.
    pub fn unlabelled(options: JobOptions) -> Self {
        Self { options, labels: Labels::default() }
    }
}

/// Says what is wrong with what is asked for, before any byte of the recording is taken where that comes first.
pub fn check_submission(app: &App, submission: &Submission) -> Result<(), SubmitError> {
    submission.labels.check()?;
    check_options(app, &submission.options)
}

/// Says what is wrong with the options, before any byte of the recording is taken where they come first.
pub fn check_options(app: &App, options: &JobOptions) -> Result<(), SubmitError> {
    if !app.models.contains(&options.model) {
        let offered: Vec<_> = app.models.iter().map(ModelName::as_str).collect();
        return Err(SubmitError::ModelNotOffered { asked: options.model.clone(), offered: offered.join(", ") });
    }
    check_hints(options)?;
    check_languages(options)
}

fn check_hints(options: &JobOptions) -> Result<(), SubmitError> {
    for word in &options.hotwords {
        let chars = word.chars().count();
        if chars > MAX_HOTWORD_CHARS {
            return Err(SubmitError::HotwordTooLong { word: word.clone(), chars });
        }
    }
    let chars = hint_chars(options.prompt.as_deref(), &options.hotwords);
    if chars <= MAX_PROMPT_CHARS {
        return Ok(());
    }
    let prompt_alone = options.hotwords.is_empty();
    Err(if prompt_alone { SubmitError::PromptTooLong { chars } } else { SubmitError::HintsTooLong { chars } })
}

fn check_languages(options: &JobOptions) -> Result<(), SubmitError> {
    if options.language.is_some() && !options.languages.is_empty() {
        return Err(SubmitError::LanguageGivenAndOpen);
    }
    if options.language.is_some() && options.multilingual {
        return Err(SubmitError::LanguageFixedAndChanging);
    }
    let another = options.language.iter().chain(&options.languages).any(|&language| language != Language::ENGLISH);
    if (another || options.multilingual) && options.model.is_english_only() {
        return Err(SubmitError::EnglishOnly(options.model.clone()));
    }
    Ok(())
}

/// Queues the transcription of a stored recording. The answer that tells of the job is committed with it.
pub async fn submit_job(
    app: &App,
    recording: media::Media,
    submission: Submission,
    once: &Once,
    answer: impl FnOnce(jobs::Job) -> Answer,
) -> Result<Answer, SubmitError> {
    let tx = app.db.begin().await?;
    let job = insert_job(app, &tx, recording, submission).await?;
    let answer = answer(job.clone());
    once.keep(&tx, &answer).await?;
    tx.commit().await?;
    note_accepted(&job);
    Ok(answer)
}

/// The part of it that happens in a transaction.
pub(super) async fn insert_job(
    app: &App,
    tx: &Transaction,
    recording: media::Media,
    submission: Submission,
) -> Result<jobs::Job, SubmitError> {
    check_submission(app, &submission)?;
    take_room(tx, recording.workspace).await?;
    media::insert(tx, &recording).await?;
    let workspace = recording.workspace;
    let media = QueuedMedia { id: recording.id, file_name: recording.file_name, bytes: recording.size_bytes };
    Ok(enqueue(tx, workspace, media, submission, None).await?)
}

/// Queues a job for a recording that has its row, the whole of it or a span.
pub(super) async fn enqueue(
    tx: &Transaction,
    workspace: WorkspaceId,
    media: QueuedMedia,
    submission: Submission,
    redo: Option<Redo>,
) -> Result<jobs::Job, DatabaseError> {
    let Submission { options, labels } = submission;
    let trace = trace_context::current();
    let job =
        jobs::NewJob { id: JobId::new(), workspace, media: media.id, options, labels, redo, trace: trace.clone() };
    jobs::insert(tx, &job).await?;
    let chunk_id = chunks::insert_whole(tx, &job).await?;

    let event = job_queued(job.workspace, job.id, media, &job.options, 1);
    outbox::append(tx, event_message(&event, tx.now(), &trace)).await?;
    let item = WorkItem {
        workspace_id: job.workspace,
        job_id: job.id,
        chunk_id,
        lane: job.options.lane,
        model: job.options.model,
        ring: 1,
    };
    bells::ring(tx, &item, &trace).await?;
    let inserted = jobs::lock(tx, job.id).await?;
    inserted.ok_or_else(|| DatabaseError::Corrupt { what: "new job", value: job.id.to_string() })
}

/// The job is committed.
pub(super) fn note_accepted(job: &jobs::Job) {
    tracing::info!(job = %job.id, workspace = %job.workspace, bytes = job.media_bytes, "accepted a job");
    metrics::counter!("escriba_jobs_accepted_total", "lane" => job.options.lane.as_str()).increment(1);
}
