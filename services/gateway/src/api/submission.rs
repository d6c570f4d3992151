//! What submitting a job does, whichever way its recording comes: it takes effect once, and nothing stays behind that
//! no job needs.

use std::sync::Arc;

use escriba_database::{chunks::ChunkCounts, jobs::Job, within_reason};
use escriba_domain::{ErrorKind, WorkspaceId};
use poem_openapi::{ApiResponse, payload::Json};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::{
    idempotency::{self, KeyHeader},
    job_view::JobView,
    new_job::{Import, NewJob, not_imported},
    problem::{Failure, failure},
    upload_form::{Received, UploadForm},
};
use crate::app::{
    App,
    answer_once::{Answer, Begun, Once},
    import_media::import_media,
    receive_media::discard_media,
    submit_job::{SubmitError, submit_job},
};

#[derive(ApiResponse)]
pub(super) enum Accepted {
    /// The recording is stored and the job queued. `Location` is where to look at it.
    #[oai(status = 202)]
    Job(Json<JobView>, #[oai(header = "Location")] String),
}

/// Takes the recording and queues its transcription.
pub(super) async fn submit(
    app: &Arc<App>,
    workspace: WorkspaceId,
    key: KeyHeader,
    job: NewJob,
) -> Result<Answer, Failure> {
    match job {
        NewJob::Form(form) => submit_form(app, workspace, key, form).await,
        NewJob::Import(import) => submit_import(app, workspace, key, import).await,
    }
}

/// What a form asks is known when all of it is read.
async fn submit_form(app: &App, workspace: WorkspaceId, key: KeyHeader, form: UploadForm) -> Result<Answer, Failure> {
    match idempotency::begin(app, workspace, key).await? {
        Begun::Again(earlier) => {
            let request = form.weigh(app).await?;
            earlier.answer(request).map_err(idempotency::refused)
        }
        Begun::First(once) => {
            let answered = receive(app, workspace, form, &once).await;
            idempotency::conclude(&once, answered).await
        }
    }
}

async fn receive(app: &App, workspace: WorkspaceId, form: UploadForm, once: &Once) -> Result<Answer, Failure> {
    let (received, request) = form.receive(app, workspace).await?;
    once.identify(request);
    queue(app, received, once).await
}

async fn submit_import(
    app: &Arc<App>,
    workspace: WorkspaceId,
    key: KeyHeader,
    import: Import,
) -> Result<Answer, Failure> {
    let request = import.fingerprint();
    idempotency::create_once(app, workspace, key, request, |once| async move {
        let (url, submission) = import.read(app)?;
        let (app, has_key) = (app.clone(), once.has_key());
        let work = async move {
            let media = import_media(&app, workspace, &url).await.map_err(not_imported)?;
            queue(&app, Received { media, submission }, &once).await
        };
        let working = AbortOnDropHandle::new(tokio::spawn(work.in_current_span()));
        // Whoever gave a key may hang up and ask again later: the recording is fetched for them meanwhile.
        let ended = if has_key { working.detach().await } else { working.await };
        ended.map_err(|error| failure(ErrorKind::Internal, "internal", &error))?
    })
    .await
}

/// Queues the transcription of a stored recording, which goes when it cannot be.
async fn queue(app: &App, received: Received, once: &Once) -> Result<Answer, Failure> {
    let media = received.media.clone();
    match within_reason(submit_job(app, received.media, received.submission, once, accepted)).await {
        Ok(answer) => Ok(answer),
        Err(error) => {
            // Where the outcome is unknown the job may be there; an upload without one is swept later.
            if matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Conflict | ErrorKind::TooMany) {
                discard_media(app, &media).await;
            }
            Err(not_submitted(error))
        }
    }
}

/// What is said of a new job. It has one chunk, which waits; where, can be asked.
pub(super) fn accepted(job: Job) -> Answer {
    let counts = ChunkCounts { waiting: 1, ..ChunkCounts::default() };
    let location = format!("/v1/jobs/{}", job.id);
    idempotency::keepable(Accepted::Job(Json(JobView::new(job, counts, None)), location))
}

pub(super) fn not_submitted(error: SubmitError) -> Failure {
    match error {
        SubmitError::Once(error) => idempotency::refused(error),
        error => failure(error.kind(), error.code(), &error),
    }
}
