//! Accepts a job: its row, its chunk, its event and its work item commit together or not at all.

use escriba_database::{DatabaseError, Transaction, chunks, jobs, media, outbox};
use escriba_domain::{
    ErrorKind, JobId, JobOptions, Lane, Language, MAX_HOTWORD_CHARS, MAX_PROMPT_CHARS, ModelName, WorkspaceId,
    hint_chars,
};
use escriba_events::{QueuedMedia, WorkItem, event_message, job_queued};
use escriba_runtime::trace_context;

use super::{App, bells};

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
            | Self::LanguageFixedAndChanging => ErrorKind::Invalid,
            Self::Database(error) => error.kind(),
        }
    }
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

/// Queues the transcription of a stored recording.
pub async fn submit_job(app: &App, recording: media::Media, options: JobOptions) -> Result<JobId, SubmitError> {
    check_options(app, &options)?;
    let tx = app.db.begin().await?;
    let accepted = accept(&tx, recording, options).await?;
    tx.commit().await?;
    Ok(accepted.committed())
}

/// A job that is there once its transaction has committed.
pub(super) struct Accepted {
    pub(super) job: JobId,
    workspace: WorkspaceId,
    lane: Lane,
    bytes: u64,
}

impl Accepted {
    pub(super) fn committed(self) -> JobId {
        let Self { job, workspace, lane, bytes } = self;
        tracing::info!(%job, %workspace, bytes, "accepted a job");
        metrics::counter!("escriba_jobs_accepted_total", "lane" => lane.as_str()).increment(1);
        job
    }
}

/// Adds a job whose options are checked, with its chunk, its event and its work item.
pub(super) async fn accept(
    tx: &Transaction,
    recording: media::Media,
    options: JobOptions,
) -> Result<Accepted, DatabaseError> {
    let trace = trace_context::current();
    let job = jobs::NewJob {
        id: JobId::new(),
        workspace: recording.workspace,
        media: recording.id,
        options,
        trace: trace.clone(),
    };
    media::insert(tx, &recording).await?;
    jobs::insert(tx, &job).await?;
    let chunk_id = chunks::insert_whole(tx, &job).await?;

    let bytes = recording.size_bytes;
    let queued = QueuedMedia { id: recording.id, file_name: recording.file_name, bytes };
    let event = job_queued(job.workspace, job.id, queued, &job.options, 1);
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
    Ok(Accepted { job: job.id, workspace: job.workspace, lane: item.lane, bytes })
}
