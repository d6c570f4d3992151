//! Changes the transcript of a job that is over: all operations of a batch or none. Each batch that changes something
//! makes one version, told of by one event, in one transaction. How single operations work is in the files beside.

mod draft;
mod operation;
mod pieces;
mod substitution;
mod timing;

use escriba_database::{
    DatabaseError, Transaction,
    api_keys::Caller,
    jobs::{self, Job},
    outbox,
    transcripts::{self, Identified, Key, Version},
};
use escriba_domain::{ApiKeyId, EditSummary, ErrorKind, JobId, JobState, SegmentId, VersionOrigin};
use escriba_events::{Edition, event_message, job_transcript_edited};
use escriba_runtime::trace_context;

use super::App;
use draft::Draft;
pub use operation::{At, Change, NewSegment, Operation, OperationError, Place};
pub use substitution::{Case, Substitution, Words};

/// More belong in several batches.
pub const MAX_OPERATIONS: usize = 1_000;

/// Which version a caller has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// Whichever there is.
    Any,
    Among(Vec<u32>),
}

impl Expected {
    fn includes(&self, version: u32) -> bool {
        match self {
            Self::Any => true,
            Self::Among(versions) => versions.contains(&version),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum EditError {
    #[error("There is no job {0}.")]
    NotFound(JobId),
    #[error("The job is {0}. Its transcript can be edited once the job is over.")]
    NotOver(JobState),
    #[error(
        "The transcript is at version {current} by now. Read it again, apply the edit to that, and send `If-Match: \
         \"{current}\"`."
    )]
    Changed { current: u32 },
    #[error("The transcript has no version {0}.")]
    NoSuchVersion(u32),
    #[error("At most {MAX_OPERATIONS} operations are taken at once, and these are {0}. Send several batches.")]
    TooMany(usize),
    /// Counts from 1, as people do.
    #[error("Operation {nth}: {source} Nothing was changed.")]
    Operation { nth: usize, source: OperationError },
    #[error("{0} Nothing was changed.")]
    Overlap(OperationError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl EditError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) | Self::NoSuchVersion(_) => ErrorKind::NotFound,
            Self::NotOver(_) | Self::Changed { .. } => ErrorKind::Conflict,
            Self::TooMany(_) | Self::Operation { .. } | Self::Overlap(_) => ErrorKind::Invalid,
            Self::Database(error) => error.kind(),
        }
    }
}

/// What became of an edit.
#[derive(Debug)]
pub struct Edited {
    /// The newest version: as it was if nothing changed.
    pub version: u32,
    /// The segments that are new or otherwise than before, in order.
    pub changed: Vec<Identified>,
    pub removed: Vec<SegmentId>,
    pub summary: EditSummary,
}

pub async fn edit_transcript(
    app: &App,
    caller: Caller,
    id: JobId,
    expected: &Expected,
    operations: &[Operation],
) -> Result<Edited, EditError> {
    if operations.len() > MAX_OPERATIONS {
        return Err(EditError::TooMany(operations.len()));
    }
    let tx = app.db.begin().await?;
    let job = lock_for_edit(&tx, caller, id, expected).await?;
    let stored = transcripts::load(&tx, id, job.transcript_version).await?;
    let mut draft = Draft::new(stored, &job);
    for (at, operation) in operations.iter().enumerate() {
        draft.apply(operation).map_err(|source| EditError::Operation { nth: at + 1, source })?;
    }
    let outcome = draft.finish().map_err(EditError::Overlap)?;
    if outcome.gone.is_empty() && outcome.new.is_empty() {
        let version = job.transcript_version;
        return Ok(Edited { version, changed: Vec::new(), removed: Vec::new(), summary: outcome.summary });
    }
    let (keys, new) = (&outcome.gone, &outcome.new);
    let version =
        make_version(&tx, &job, caller.key, (keys, new), (VersionOrigin::Edit, None, outcome.summary)).await?;
    tx.commit().await?;
    Ok(Edited { version, changed: outcome.new, removed: outcome.removed, summary: outcome.summary })
}

/// The job, if it is the caller's, over, and at a version that the caller has seen.
pub(super) async fn lock_for_edit(
    tx: &Transaction,
    caller: Caller,
    id: JobId,
    expected: &Expected,
) -> Result<Job, EditError> {
    let job = jobs::lock(tx, id).await?.filter(|job| job.workspace == caller.workspace);
    let job = job.ok_or(EditError::NotFound(id))?;
    if !job.state.is_terminal() {
        return Err(EditError::NotOver(job.state));
    }
    if !expected.includes(job.transcript_version) {
        return Err(EditError::Changed { current: job.transcript_version });
    }
    Ok(job)
}

/// Writes the next version, and tells of it.
pub(super) async fn make_version(
    tx: &Transaction,
    job: &Job,
    by: ApiKeyId,
    (gone, new): (&[Key], &[Identified]),
    (origin, reverted_to, summary): (VersionOrigin, Option<u32>, EditSummary),
) -> Result<u32, DatabaseError> {
    let version = job.transcript_version + 1;
    transcripts::replace(tx, job.id, version, (gone, new)).await?;
    let made = Version { version, origin, reverted_to, by, summary, created_at: tx.now() };
    transcripts::add_version(tx, job.id, &made).await?;
    let edition = Edition { version, reverted_to, by, summary };
    let event = job_transcript_edited(job.workspace, job.id, &edition);
    outbox::append(tx, event_message(&event, tx.now(), &trace_context::current())).await?;
    tracing::info!(job = %job.id, version, %origin, "a transcript has a new version");
    metrics::counter!("escriba_transcript_versions_total", "origin" => origin.as_str()).increment(1);
    Ok(version)
}
