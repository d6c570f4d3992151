//! `/v1/jobs/bulk`: the same request about many jobs, which are listed or filtered as in a list.

use std::sync::Arc;

use escriba_domain::{ErrorKind, JobId};
use poem::Body;
use poem_openapi::{
    ApiResponse, Object, OpenApi, ResponseContent,
    payload::{Binary, Json},
    types::Example,
};
use uuid::Uuid;

use super::{
    authentication::{ApiKey, Read, Transcribe},
    document::Group,
    job_filter::JobFilter,
    jobs::retry_code,
    problem::{Failure, failure, invalid},
    transcripts::{TranscriptFormat, proto_format},
};
use crate::app::{
    App,
    change_many::{delete_many, retry_many},
    export_many::export_many,
    select_jobs::{SelectError, Selected, Selection, select_jobs},
};

pub struct BulkApi {
    pub(super) app: Arc<App>,
}

/// Which jobs: one of the two.
#[derive(Debug, Object)]
#[oai(example, deny_unknown_fields)]
struct BulkSelection {
    /// These, at most 1000.
    ids: Option<Vec<Uuid>>,
    /// Those that a list with this filter would show. It must have at least one condition. The newest 1000 are taken.
    filter: Option<JobFilter>,
}

/// Which jobs, and how their transcripts are written.
#[derive(Debug, Object)]
#[oai(example, deny_unknown_fields)]
struct BulkExport {
    /// These, at most 1000.
    ids: Option<Vec<Uuid>>,
    /// Those that a list with this filter would show. It must have at least one condition. The newest 1000 are taken.
    filter: Option<JobFilter>,
    /// A file for each of these.
    #[oai(default = "srt", validator(min_items = 1))]
    formats: Vec<TranscriptFormat>,
}

/// What became of each job.
#[derive(Debug, Object)]
#[oai(example)]
struct BulkResult {
    results: Vec<BulkOutcome>,
    /// For how many it was done.
    done: u64,
    /// Whether the filter means more jobs than were taken. Those that it was done for and that no longer match are not
    /// taken again by the same request.
    more: bool,
}

/// What became of a job.
#[derive(Debug, Object)]
struct BulkOutcome {
    id: Uuid,
    /// `done`, `not_found`, `conflict`, or `failed`, after which it may be tried again.
    outcome: String,
    /// Why not, for programs: the code that the request about this job alone would have been answered with.
    code: Option<String>,
    /// Why not, for people.
    detail: Option<String>,
}

#[derive(ApiResponse)]
enum Changed {
    /// What became of each job.
    #[oai(status = 200)]
    Results(Json<BulkResult>),
}

#[derive(ResponseContent)]
enum Zip {
    #[oai(content_type = "application/zip")]
    Zip(Binary<Body>),
}

#[derive(ApiResponse)]
enum Exported {
    /// The transcripts, and `index.json`, which says whose they are and which jobs have none.
    #[oai(status = 200)]
    Archive(Zip, #[oai(header = "Content-Disposition")] String),
}

#[OpenApi(prefix_path = "/v1/jobs/bulk", tag = "Group::Jobs")]
impl BulkApi {
    /// Delete many jobs
    ///
    /// Deletes each with its recording and its transcript, for good.
    #[oai(path = "/delete", method = "post", operation_id = "deleteJobs")]
    async fn delete(&self, key: ApiKey<Transcribe>, which: Json<BulkSelection>) -> Result<Changed, Failure> {
        let Selected { jobs, more } = self.select(&key, which.0.ids, which.0.filter).await?;
        let deleted = delete_many(&self.app, key.0, &jobs).await;
        let results = deleted.into_iter().map(|(job, deleted)| match deleted {
            Ok(()) => done(job),
            Err(error) => undone(job, error.kind(), "job_not_found", &error),
        });
        Ok(answer(results.collect(), more))
    }

    /// Run many jobs again
    ///
    /// Puts each failed or canceled job back in the queue. What is transcribed is kept.
    #[oai(path = "/retry", method = "post", operation_id = "retryJobs")]
    async fn retry(&self, key: ApiKey<Transcribe>, which: Json<BulkSelection>) -> Result<Changed, Failure> {
        let Selected { jobs, more } = self.select(&key, which.0.ids, which.0.filter).await?;
        let retried = retry_many(&self.app, key.0, &jobs).await;
        let results = retried.into_iter().map(|(job, retried)| match retried {
            Ok(()) => done(job),
            Err(error) => undone(job, error.kind(), retry_code(&error), &error),
        });
        Ok(answer(results.collect(), more))
    }

    /// Export many transcripts
    ///
    /// Answers with one zip file, which is written while it is read.
    #[oai(path = "/export", method = "post", operation_id = "exportJobs")]
    async fn export(&self, key: ApiKey<Read>, which: Json<BulkExport>) -> Result<Exported, Failure> {
        let selected = self.select(&key, which.0.ids, which.0.filter).await?;
        let mut formats = Vec::new();
        for format in which.0.formats.into_iter().map(proto_format) {
            if !formats.contains(&format) {
                formats.push(format);
            }
        }
        let bytes = export_many(self.app.clone(), key.0, selected.jobs, formats)
            .await
            .map_err(|error| failure(error.kind(), "unavailable", &error))?;
        let archive = Zip::Zip(Binary(Body::from_bytes_stream(bytes)));
        Ok(Exported::Archive(archive, "attachment; filename=\"transcripts.zip\"".to_owned()))
    }
}

impl BulkApi {
    async fn select<S>(
        &self,
        key: &ApiKey<S>,
        ids: Option<Vec<Uuid>>,
        filter: Option<JobFilter>,
    ) -> Result<Selected, Failure> {
        let selection = match (ids, filter) {
            (Some(ids), None) => Selection::These(ids.into_iter().map(JobId::from).collect()),
            (None, Some(filter)) => Selection::Matching(filter.read()?),
            _ => return Err(invalid("selection_invalid", "Say which jobs: send `ids` or `filter`, and not both.")),
        };
        select_jobs(&self.app, key.0, selection).await.map_err(|error| {
            let code = match &error {
                SelectError::TooMany { .. } => "too_many_jobs",
                SelectError::Everything => "filter_empty",
                SelectError::Database(_) => "unavailable",
            };
            failure(error.kind(), code, &error)
        })
    }
}

fn srt() -> Vec<TranscriptFormat> {
    vec![TranscriptFormat::Srt]
}

fn answer(results: Vec<BulkOutcome>, more: bool) -> Changed {
    let done = results.iter().filter(|result| result.code.is_none()).count() as u64;
    Changed::Results(Json(BulkResult { results, done, more }))
}

fn done(job: JobId) -> BulkOutcome {
    BulkOutcome { id: job.as_uuid(), outcome: "done".to_owned(), code: None, detail: None }
}

fn undone(job: JobId, kind: ErrorKind, code: &str, error: &dyn std::error::Error) -> BulkOutcome {
    let (outcome, code, detail) = match kind {
        ErrorKind::NotFound => ("not_found", code, error.to_string()),
        ErrorKind::Conflict => ("conflict", code, error.to_string()),
        _ => {
            tracing::error!(%job, %error, "a job of many could not be changed");
            ("failed", "unavailable", "It could not be done for the moment. Try again in a few seconds.".to_owned())
        }
    };
    BulkOutcome { id: job.as_uuid(), outcome: outcome.to_owned(), code: Some(code.to_owned()), detail: Some(detail) }
}

const EXAMPLE_ID: Uuid = Uuid::from_u128(0x019a_9a3e_7c1b_7d52_8f64_0a5b_1c2d_3e4f);

impl Example for BulkSelection {
    fn example() -> Self {
        Self { ids: Some(vec![EXAMPLE_ID]), filter: None }
    }
}

impl Example for BulkExport {
    fn example() -> Self {
        let formats = vec![TranscriptFormat::Srt, TranscriptFormat::Txt];
        Self { ids: None, filter: Some(JobFilter::example()), formats }
    }
}

impl Example for BulkResult {
    fn example() -> Self {
        Self { results: vec![done(EXAMPLE_ID.into())], done: 1, more: false }
    }
}
