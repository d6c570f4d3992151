//! `/v1/jobs`: submit, list, look at, cancel, run again and delete.

use std::sync::Arc;

use escriba_database::{
    DatabaseError, chunks,
    jobs::{self, Filter, Job},
};
use escriba_domain::{ErrorKind, JobId, JobState};
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
    job_view::{JobPage, JobView},
    new_job::NewJob,
    problem::{Failure, failure, invalid},
    submission::{Accepted, submit},
};
use crate::app::{
    App,
    cancel_job::cancel_job,
    delete_job::delete_job,
    look_at_queue::{self, Place},
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
    /// The workspace's jobs, newest first, page by page.
    #[oai(path = "/", method = "get", operation_id = "listJobs")]
    async fn list(
        &self,
        key: ApiKey<Read>,
        /// Only jobs in this state: `queued`, `running`, `completed`, `failed` or `canceled`.
        #[oai(validator(pattern = "^(queued|running|completed|failed|canceled)$"))]
        state: Query<Option<String>>,
        /// How many, 1 to 200.
        #[oai(default = "default_page", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u64>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed, Failure> {
        let filter = Filter { state: parse_state(state.0)?, before: parse_cursor(cursor.0)? };
        let limit = limit.0.min(MAX_PAGE);
        // One more than asked for tells whether there is a next page.
        let mut found = jobs::list(&self.app.db, key.0, &filter, limit + 1).await.map_err(unavailable)?;
        let more = found.len() as u64 > limit;
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let next_cursor = found.last().filter(|_| more).map(|job| job.id.to_string());
        let ids: Vec<_> = found.iter().map(|job| job.id).collect();
        let counts = chunks::count_by_state(&self.app.db, &ids).await.map_err(unavailable)?;
        let view = |job: Job| {
            let counts = counts.get(&job.id).copied().unwrap_or_default();
            JobView::new(job, counts, None)
        };
        let items = found.into_iter().map(view).collect();
        Ok(Listed::Page(Json(JobPage { items, next_cursor })))
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
        retry_job(&self.app, key.0, id.0.into()).await.map_err(|error| {
            let code = match &error {
                RetryError::NotOver(_) => "job_not_over",
                RetryError::Room(room) => room.code(),
                RetryError::MediaGone => "media_deleted",
                RetryError::Edited => "transcript_edited",
                RetryError::NotFound(_) | RetryError::Database(_) => "job_not_found",
            };
            failure(error.kind(), code, &error)
        })?;
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

#[derive(Debug, thiserror::Error)]
#[error("There is no job {0}.")]
struct NoSuchJob(JobId);

#[expect(clippy::needless_pass_by_value, reason = "so that it maps over errors")]
fn unavailable(error: DatabaseError) -> Failure {
    failure(error.kind(), "unavailable", &error)
}

impl JobsApi {
    async fn find<S>(&self, key: ApiKey<S>, id: JobId) -> Result<JobView, Failure> {
        let job = self.find_job(key, id).await?;
        let place = look_at_queue::place_of(&self.app, &job).await.map_err(unavailable)?;
        self.view(job, place).await
    }

    async fn find_job<S>(&self, key: ApiKey<S>, id: JobId) -> Result<Job, Failure> {
        let job = jobs::find(&self.app.db, key.0, id).await.map_err(unavailable)?;
        job.ok_or_else(|| failure(ErrorKind::NotFound, "job_not_found", &NoSuchJob(id)))
    }

    async fn view(&self, job: Job, place: Option<Place>) -> Result<JobView, Failure> {
        let counts = chunks::count_by_state(&self.app.db, &[job.id]).await.map_err(unavailable)?;
        let counts = counts.get(&job.id).copied().unwrap_or_default();
        Ok(JobView::new(job, counts, place))
    }
}

const fn default_page() -> u64 {
    50
}

fn parse_state(state: Option<String>) -> Result<Option<JobState>, Failure> {
    let parse = |text: String| text.parse().map_err(|error: String| invalid("state_invalid", &format!("{error}.")));
    state.map(parse).transpose()
}

fn parse_cursor(cursor: Option<String>) -> Result<Option<JobId>, Failure> {
    let wrong = |_| invalid("cursor_invalid", "The cursor is not one this server gave. Use `next_cursor` as it is.");
    cursor.map(|text| text.parse().map_err(wrong)).transpose()
}
