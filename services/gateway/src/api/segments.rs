//! `/v1/jobs/{id}/segments`: a transcript's segments, page by page, and their edits.

use std::sync::Arc;

use escriba_database::{
    DatabaseError,
    jobs::{self, Job},
    transcripts,
};
use escriba_domain::{ErrorKind, JobId, WorkspaceId};
use poem::http::StatusCode;
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};
use uuid::Uuid;

use super::{
    authentication::{ApiKey, Read, Transcribe},
    document::Group,
    edits_view::EditRequest,
    preconditions::{expected, tag},
    problem::{Failure, ProblemJson, failure, invalid},
    segments_view::{EditedView, SegmentPage, SegmentView},
};
use crate::app::{
    App,
    edit_transcript::{EditError, Edited, edit_transcript},
};

pub struct SegmentsApi {
    pub(super) app: Arc<App>,
}

#[derive(ApiResponse)]
enum Listed {
    /// The segments of this page.
    #[oai(status = 200)]
    Page(
        Json<SegmentPage>,
        /// The version, quoted, once the job is over: send it as `If-Match` with an edit.
        #[oai(header = "ETag")]
        Option<String>,
    ),
}

#[derive(ApiResponse)]
pub(super) enum EditResponse {
    /// The version that there is now, and what is new in it.
    #[oai(status = 200)]
    Edited(
        Json<EditedView>,
        /// The version, quoted: send it as `If-Match` with the next edit.
        #[oai(header = "ETag")]
        String,
    ),
    /// Somebody else edited the transcript: read it again.
    #[oai(status = 412)]
    Changed(
        ProblemJson,
        /// The version that there is, quoted.
        #[oai(header = "ETag")]
        String,
    ),
    /// `If-Match` is missing.
    #[oai(status = 428)]
    Unconditional(ProblemJson),
}

#[OpenApi(tag = "Group::Transcripts")]
impl SegmentsApi {
    /// Read segments
    ///
    /// The transcript's segments with their ids, page by page, in the newest version or in an earlier one. While the job
    /// runs they are those that are final so far.
    #[oai(path = "/v1/jobs/:id/segments", method = "get", operation_id = "listSegments")]
    async fn list(
        &self,
        key: ApiKey<Read>,
        /// The job's id.
        id: Path<Uuid>,
        /// Which version of the transcript. Left out: the newest.
        #[oai(validator(minimum(value = "1")))]
        version: Query<Option<u32>>,
        /// How many, 1 to 1000.
        #[oai(default = "default_page", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u64>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed, Failure> {
        let cursor = cursor.0.as_deref().map(parse_cursor).transpose()?;
        let job = find_job(&self.app, key.0, id.0.into()).await?;
        let asked = cursor.map(|(version, _)| version).or(version.0);
        let version = existing_version(&job, asked)?;
        let (passed, limit) = (cursor.map_or(0, |(_, passed)| passed), limit.0);
        // One more than asked for tells whether there is a next page.
        let found = transcripts::page(&self.app.db, job.id, version, (passed, limit + 1)).await;
        let mut found = found.map_err(unavailable)?;
        let more = found.len() as u64 > limit;
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let next_cursor = more.then(|| format!("{version}.{}", passed + limit));
        let items = found.into_iter().map(SegmentView::from).collect();
        let etag = job.state.is_terminal().then(|| tag(version));
        Ok(Listed::Page(Json(SegmentPage { version, items, next_cursor }), etag))
    }

    /// Edit a transcript
    ///
    /// Applies a batch of operations to the segments of a job that is over: all of them or none. It makes the next
    /// version of the transcript, unless nothing changes; earlier versions stay. `If-Match` names the version that the
    /// edit was made for, so that nobody overwrites what they have not seen.
    #[oai(path = "/v1/jobs/:id/segments", method = "patch", operation_id = "editSegments")]
    async fn edit(
        &self,
        key: ApiKey<Transcribe>,
        /// The job's id.
        id: Path<Uuid>,
        /// The `ETag` of the version that the edit is for; `*` for whichever there is.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        edit: Json<EditRequest>,
    ) -> Result<EditResponse, Failure> {
        let Some(expected) = expected(if_match.0.as_deref()) else { return Ok(unconditional()) };
        let operations = edit.0.operations()?;
        let edited = edit_transcript(&self.app, *key.caller(), id.0.into(), &expected, &operations).await;
        answer(edited)
    }
}

/// The same for each way of making a version.
pub(super) fn answer(edited: Result<Edited, EditError>) -> Result<EditResponse, Failure> {
    let error = match edited {
        Ok(edited) => return Ok(taken(edited)),
        Err(error) => error,
    };
    if let EditError::Changed { current } = error {
        let status = StatusCode::PRECONDITION_FAILED;
        let problem = ProblemJson::new(status, "version_changed", &error.to_string());
        return Ok(EditResponse::Changed(problem, tag(current)));
    }
    Err(failure(error.kind(), code(&error), &error))
}

fn taken(edited: Edited) -> EditResponse {
    let tag = tag(edited.version);
    let view = EditedView {
        version: edited.version,
        changed: edited.changed.into_iter().map(SegmentView::from).collect(),
        removed: edited.removed.iter().map(ToString::to_string).collect(),
        replacements: edited.summary.replaced,
    };
    EditResponse::Edited(Json(view), tag)
}

pub(super) fn unconditional() -> EditResponse {
    let detail = "Say which version of the transcript this is for: send its `ETag` as `If-Match`, such as `\"1\"`.";
    EditResponse::Unconditional(ProblemJson::new(StatusCode::PRECONDITION_REQUIRED, "version_required", detail))
}

const fn code(error: &EditError) -> &'static str {
    match error {
        EditError::NotFound(_) => "job_not_found",
        EditError::NotOver(_) => "job_not_over",
        EditError::Changed { .. } => "version_changed",
        EditError::NoSuchVersion(_) => "version_not_found",
        EditError::TooMany(_) => "too_many_operations",
        EditError::Operation { source, .. } | EditError::Overlap(source) => source.code(),
        EditError::Database(_) => "unavailable",
    }
}

#[derive(Debug, thiserror::Error)]
#[error("There is no job {0}.")]
struct NoSuchJob(JobId);

pub(super) async fn find_job(app: &App, workspace: WorkspaceId, id: JobId) -> Result<Job, Failure> {
    let job = jobs::find(&app.db, workspace, id).await.map_err(unavailable)?;
    job.ok_or_else(|| failure(ErrorKind::NotFound, "job_not_found", &NoSuchJob(id)))
}

/// The version that is asked for, if the transcript has it; else the newest.
pub(super) fn existing_version(job: &Job, asked: Option<u32>) -> Result<u32, Failure> {
    let version = asked.unwrap_or(job.transcript_version);
    if (1..=job.transcript_version).contains(&version) {
        return Ok(version);
    }
    let error = EditError::NoSuchVersion(version);
    Err(failure(error.kind(), code(&error), &error))
}

#[expect(clippy::needless_pass_by_value, reason = "so that it maps over errors")]
pub(super) fn unavailable(error: DatabaseError) -> Failure {
    failure(error.kind(), "unavailable", &error)
}

const fn default_page() -> u64 {
    100
}

/// The version, and how many segments were on the pages before.
fn parse_cursor(cursor: &str) -> Result<(u32, u64), Failure> {
    let parsed = cursor.split_once('.').and_then(|(version, passed)| {
        let passed: u32 = passed.parse().ok()?;
        Some((version.parse().ok()?, u64::from(passed)))
    });
    parsed
        .ok_or_else(|| invalid("cursor_invalid", "The cursor is not one this server gave. Use `next_cursor` as it is."))
}
