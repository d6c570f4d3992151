//! `/v1/jobs`: submit, list, look at, cancel, run again and delete.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use escriba_database::{chunks, jobs::Job};
use escriba_domain::{ErrorKind, JobId};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use uuid::Uuid;

use super::{
    authentication::{ApiKey, Read, Transcribe},
    document::Group,
    idempotency::{Answered, KeyHeader},
    job_filter::{JobFilter, order},
    job_page::{JobPage, Selection},
    job_patch::JobPatch,
    job_view::JobView,
    new_job::NewJob,
    problem::{Failure, failure},
    segments::{find_job, unavailable},
    submission::{Accepted, submit},
    text::Text,
};
use crate::app::{
    App,
    cancel_job::cancel_job,
    delete_job::delete_job,
    list_jobs::{Wanted, list_jobs},
    look_at_queue::{self, Place},
    relabel_job::{RelabelError, relabel_job},
    retry_job::{RetryError, retry_job},
};

const MAX_PAGE: u64 = 200;

pub struct JobsApi {
    pub(super) app: Arc<App>,
}

#[derive(ApiResponse)]
enum Found {
    /// The job as it stands.
    #[oai(status = 200)]
    Job(Json<JobView>),
}

#[derive(ApiResponse)]
enum Listed {
    /// The jobs of this page.
    #[oai(status = 200)]
    Page(Json<JobPage>),
}

#[derive(ApiResponse)]
enum Deleted {
    /// The job, its recording and its transcript are gone.
    #[oai(status = 204)]
    Gone,
}

#[OpenApi(prefix_path = "/v1/jobs", tag = "Group::Jobs")]
impl JobsApi {
    /// Submit a recording
    ///
    /// Queues the transcription of a recording: one that is sent in a multipart form, or one that the server fetches
    /// from `media_url`. Both stream into storage, whatever their size; the answer comes once the job is durably
    /// queued. Follow it under `/v1/jobs/{id}/events`.
    #[oai(path = "/", method = "post", operation_id = "createJob")]
    async fn create(
        &self,
        key: ApiKey<Transcribe>,
        /// Any text that names this request and no other, such as a UUID. Sent again with the same key within a day,
        /// the request is answered as it was the first time, and there is still one job.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: KeyHeader,
        job: NewJob,
    ) -> Result<Answered<Accepted>, Failure> {
        let answer = submit(&self.app, key.0, idempotency_key, job).await?;
        Ok(answer.into())
    }

    /// List jobs
    ///
    /// The workspace's jobs that the filter leaves, newest first, page by page. A page holds each job once, whatever
    /// arrives meanwhile.
    #[expect(clippy::too_many_arguments, reason = "one for each parameter of the address")]
    #[oai(path = "/", method = "get", operation_id = "listJobs")]
    async fn list(
        &self,
        key: ApiKey<Read>,
        /// Only jobs in one of these states, separated by commas: `queued`, `running`, `completed`, `failed` or
        /// `canceled`. May be repeated.
        #[oai(default)]
        state: Query<Vec<String>>,
        /// Only jobs in this language, given or detected: a code such as `en`.
        language: Query<Option<String>>,
        /// Only jobs for this model.
        model: Query<Option<String>>,
        /// Only jobs in this lane: `interactive` or `batch`.
        lane: Query<Option<String>>,
        /// Only jobs with all of these tags, separated by commas. May be repeated.
        #[oai(default)]
        tag: Query<Vec<String>>,
        /// Only recordings of at least so many seconds.
        min_duration: Query<Option<f64>>,
        /// Only recordings of at most so many seconds.
        max_duration: Query<Option<f64>>,
        /// Only jobs submitted at this time or later.
        created_after: Query<Option<DateTime<Utc>>>,
        /// Only jobs submitted before this time.
        created_before: Query<Option<DateTime<Utc>>>,
        /// Only jobs with all of these words in title, file name or transcript. `"…"` is a phrase, `begin*` a
        /// beginning, and everything else is text. Case and accents do not count.
        q: Query<Option<String>>,
        /// What to sort by: `created_at`, `finished_at` or `duration`; with a minus before it, from the largest down.
        #[oai(default = "default_sort")]
        sort: Query<String>,
        /// How many, 1 to 200.
        #[oai(default = "default_page", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u64>,
        /// The `next_cursor` of the page before. Everything but `limit`, `fields` and `count` must be as it was there.
        cursor: Query<Option<String>>,
        /// Fields of a job, separated by commas, if not all are wanted. `id` is always there.
        fields: Query<Option<String>>,
        /// Whether to say in `total` how many there are in all. In a long list that takes its time.
        #[oai(default)]
        count: Query<bool>,
    ) -> Result<Listed, Failure> {
        let filter = JobFilter {
            state: state.0.into_iter().map(Text).collect(),
            language: language.0.map(Text),
            model: model.0.map(Text),
            lane: lane.0.map(Text),
            tag: tag.0.into_iter().map(Text).collect(),
            min_duration: min_duration.0,
            max_duration: max_duration.0,
            created_after: created_after.0,
            created_before: created_before.0,
            q: q.0.map(Text),
        };
        let selection = fields.0.as_deref().map(Selection::read).transpose()?;
        let wanted = Wanted {
            filter: filter.read()?,
            order: order(&sort.0)?,
            cursor: cursor.0,
            limit: limit.0.min(MAX_PAGE),
            count: count.0,
        };
        let page = list_jobs(&self.app, key.0, &wanted)
            .await
            .map_err(|error| failure(error.kind(), "cursor_invalid", &error))?;
        Ok(Listed::Page(Json(JobPage::new(page, selection.as_ref()))))
    }

    /// Look at a job
    ///
    /// Its state, times, progress, and why it failed if it did.
    #[oai(path = "/:id", method = "get", operation_id = "getJob")]
    async fn get(
        &self,
        key: ApiKey<Read>,
        /// The job's id.
        id: Path<Uuid>,
    ) -> Result<Found, Failure> {
        self.find(key, id.0.into()).await.map(|job| Found::Job(Json(job)))
    }

    /// Change a job's title, tags and metadata
    ///
    /// What is left out stays as it is; what is null is removed. A job in any state takes this.
    #[oai(path = "/:id", method = "patch", operation_id = "updateJob")]
    async fn update(
        &self,
        key: ApiKey<Transcribe>,
        /// The job's id.
        id: Path<Uuid>,
        patch: Json<JobPatch>,
    ) -> Result<Found, Failure> {
        relabel_job(&self.app, key.0, id.0.into(), patch.0.into()).await.map_err(|error| {
            let code = match &error {
                RelabelError::Labels(labels) => labels.code(),
                RelabelError::NotFound(_) | RelabelError::Database(_) => "job_not_found",
            };
            failure(error.kind(), code, &error)
        })?;
        self.find(key, id.0.into()).await.map(|job| Found::Job(Json(job)))
    }

    /// Cancel a job
    ///
    /// Stops it within two seconds, wherever it runs. What is transcribed so far is kept. Canceling a canceled job
    /// changes nothing.
    #[oai(path = "/:id/cancel", method = "post", operation_id = "cancelJob")]
    async fn cancel(
        &self,
        key: ApiKey<Transcribe>,
        /// The job's id.
        id: Path<Uuid>,
    ) -> Result<Found, Failure> {
        cancel_job(&self.app, key.0, id.0.into()).await.map_err(|error| {
            let code = match error.kind() {
                ErrorKind::Conflict => "job_over",
                _ => "job_not_found",
            };
            failure(error.kind(), code, &error)
        })?;
        self.find(key, id.0.into()).await.map(|job| Found::Job(Json(job)))
    }

    /// Run a job again
    ///
    /// Puts a failed or canceled job back in the queue. What is transcribed is kept, and only the rest is done. A job
    /// whose transcript has been edited is not run again, so that no edit is lost.
    #[oai(path = "/:id/retry", method = "post", operation_id = "retryJob")]
    async fn retry(
        &self,
        key: ApiKey<Transcribe>,
        /// The job's id.
        id: Path<Uuid>,
    ) -> Result<Found, Failure> {
        retry_job(&self.app, key.0, id.0.into())
            .await
            .map_err(|error| failure(error.kind(), retry_code(&error), &error))?;
        self.find(key, id.0.into()).await.map(|job| Found::Job(Json(job)))
    }

    /// Delete a job
    ///
    /// Deletes it with its recording and its transcript, for good. A running job is stopped.
    #[oai(path = "/:id", method = "delete", operation_id = "deleteJob")]
    async fn delete(
        &self,
        key: ApiKey<Transcribe>,
        /// The job's id.
        id: Path<Uuid>,
    ) -> Result<Deleted, Failure> {
        delete_job(&self.app, key.0, id.0.into())
            .await
            .map_err(|error| failure(error.kind(), "job_not_found", &error))?;
        Ok(Deleted::Gone)
    }
}

impl JobsApi {
    async fn find<S>(&self, key: ApiKey<S>, id: JobId) -> Result<JobView, Failure> {
        let job = find_job(&self.app, key.0, id).await?;
        let place = look_at_queue::place_of(&self.app, &job).await.map_err(unavailable)?;
        self.view(job, place).await
    }

    async fn view(&self, job: Job, place: Option<Place>) -> Result<JobView, Failure> {
        let counts = chunks::count_by_state(&self.app.db, &[job.id]).await.map_err(unavailable)?;
        let counts = counts.get(&job.id).copied().unwrap_or_default();
        Ok(JobView::new(job, counts, place))
    }
}

/// What programs know it by.
pub(super) const fn retry_code(error: &RetryError) -> &'static str {
    match error {
        RetryError::NotOver(_) => "job_not_over",
        RetryError::Room(room) => room.code(),
        RetryError::MediaGone => "media_deleted",
        RetryError::Edited => "transcript_edited",
        RetryError::NotFound(_) | RetryError::Database(_) => "job_not_found",
    }
}

const fn default_page() -> u64 {
    50
}

fn default_sort() -> String {
    "-created_at".to_owned()
}
