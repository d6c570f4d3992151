//! `/v1/jobs/{id}/versions`: what made each version of a transcript, and the way back.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use escriba_database::{
    jobs::Job,
    transcripts::{self, FIRST_VERSION, Version},
};
use escriba_domain::{EditSummary, VersionOrigin};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
    types::Example,
};
use uuid::Uuid;

use super::{
    authentication::{ApiKey, Read, Transcribe},
    document::Group,
    preconditions::expected,
    problem::{Failure, invalid},
    segments::{EditResponse, answer, find_job, unavailable, unconditional},
};
use crate::app::{App, revert_transcript::revert_transcript};

pub struct VersionsApi {
    pub(super) app: Arc<App>,
}

/// One version of a transcript.
#[derive(Debug, Object)]
#[oai(rename = "TranscriptVersion", example)]
struct VersionView {
    version: u32,
    /// `recognition` for the first, `edit`, `revert`, or `redo` where a span was transcribed again.
    origin: String,
    /// When it was made; null while the job is not over.
    created_at: Option<DateTime<Utc>>,
    /// The API key of whoever made it; null for the first.
    api_key_id: Option<Uuid>,
    /// The version whose content it has again; null unless it is a revert.
    reverted_to: Option<u32>,
    /// What was done, in numbers.
    operations: OperationCounts,
    /// Segments that the version before had not, or had otherwise.
    segments_changed: u32,
    /// Segments of the version before that are gone.
    segments_removed: u32,
}

/// How often each operation was done.
#[derive(Debug, Object)]
struct OperationCounts {
    set: u32,
    split: u32,
    merge: u32,
    delete: u32,
    insert: u32,
    /// In how many places text was replaced.
    replace: u32,
}

/// A page of versions, newest first.
#[derive(Debug, Object)]
#[oai(example)]
struct VersionPage {
    items: Vec<VersionView>,
    /// Send it as `cursor` for the next page; null at the end.
    next_cursor: Option<String>,
}

#[derive(ApiResponse)]
enum Listed {
    /// The versions of this page.
    #[oai(status = 200)]
    Page(Json<VersionPage>),
}

#[OpenApi(tag = "Group::Transcripts")]
impl VersionsApi {
    /// List versions
    ///
    /// What made each version of the transcript, when, and under which API key, newest first, page by page.
    #[oai(path = "/v1/jobs/:id/versions", method = "get", operation_id = "listVersions")]
    async fn list(
        &self,
        key: ApiKey<Read>,
        /// The job's id.
        id: Path<Uuid>,
        /// How many, 1 to 200.
        #[oai(default = "default_page", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u64>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed, Failure> {
        let before = cursor.0.map(|text| parse_cursor(&text)).transpose()?;
        let job = find_job(&self.app, key.0, id.0.into()).await?;
        // One more than asked for tells whether there is a next page.
        let found = transcripts::versions(&self.app.db, job.id, before, limit.0 + 1).await.map_err(unavailable)?;
        let mut items: Vec<_> = found.iter().map(VersionView::from).collect();
        if before.is_none_or(|before| before > FIRST_VERSION) {
            items.push(VersionView::first(&job));
        }
        let limit = usize::try_from(limit.0).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = items.last().filter(|_| more).map(|last| last.version.to_string());
        Ok(Listed::Page(Json(VersionPage { items, next_cursor })))
    }

    /// Go back to a version
    ///
    /// Makes a new version of the transcript with the content of an earlier one, unless that is what it has. Nothing is
    /// lost: the way forward is to go back to the version before.
    #[oai(path = "/v1/jobs/:id/versions/:version/revert", method = "post", operation_id = "revertTranscript")]
    async fn revert(
        &self,
        key: ApiKey<Transcribe>,
        /// The job's id.
        id: Path<Uuid>,
        /// The version whose content is wanted.
        version: Path<u32>,
        /// The `ETag` of the newest version; `*` for whichever there is.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<EditResponse, Failure> {
        let Some(expected) = expected(if_match.0.as_deref()) else { return Ok(unconditional()) };
        answer(revert_transcript(&self.app, *key.caller(), id.0.into(), &expected, version.0).await)
    }
}

impl VersionView {
    /// As it was recognised, once it was.
    fn first(job: &Job) -> Self {
        Self {
            version: FIRST_VERSION,
            origin: VersionOrigin::Recognition.to_string(),
            created_at: job.finished_at,
            api_key_id: None,
            reverted_to: None,
            operations: EditSummary::default().into(),
            segments_changed: 0,
            segments_removed: 0,
        }
    }
}

impl From<&Version> for VersionView {
    fn from(version: &Version) -> Self {
        Self {
            version: version.version,
            origin: version.origin.to_string(),
            created_at: Some(version.created_at),
            api_key_id: Some(version.by.as_uuid()),
            reverted_to: version.reverted_to,
            operations: version.summary.into(),
            segments_changed: version.summary.segments_changed,
            segments_removed: version.summary.segments_removed,
        }
    }
}

impl From<EditSummary> for OperationCounts {
    fn from(summary: EditSummary) -> Self {
        Self {
            set: summary.set,
            split: summary.split,
            merge: summary.merged,
            delete: summary.deleted,
            insert: summary.inserted,
            replace: summary.replaced,
        }
    }
}

impl Example for VersionView {
    fn example() -> Self {
        Self {
            version: 2,
            origin: VersionOrigin::Edit.to_string(),
            created_at: DateTime::from_timestamp_millis(1_795_000_060_000),
            api_key_id: Some(Uuid::from_u128(0x019a_9a3e_7c1b_7d52_8f64_0a5b_1c2d_3e4f)),
            reverted_to: None,
            operations: EditSummary { set: 1, replaced: 3, ..EditSummary::default() }.into(),
            segments_changed: 4,
            segments_removed: 0,
        }
    }
}

impl Example for VersionPage {
    fn example() -> Self {
        Self { items: vec![VersionView::example()], next_cursor: Some("2".to_owned()) }
    }
}

const fn default_page() -> u64 {
    50
}

fn parse_cursor(cursor: &str) -> Result<u32, Failure> {
    cursor
        .parse()
        .map_err(|_| invalid("cursor_invalid", "The cursor is not one this server gave. Use `next_cursor` as it is."))
}
