//! Whether a workspace may send another recording, by its limits and the server's: asked before its bytes are taken,
//! and again where its job is stored.

use std::time::Duration;

use escriba_database::{
    DatabaseError, Transaction,
    jobs::{self, Failure},
    limits::{self, Limits},
};
use escriba_domain::{ErrorKind, FailureCode, WorkspaceId};

use super::App;

/// What a form may hold beside the recording.
const FORM_BYTES: u64 = 256 << 10;

#[derive(Debug, thiserror::Error)]
pub enum RoomError {
    #[error("The recording is larger than is taken here, which is {limit} bytes. Send a shorter one, or compress it.")]
    TooLarge { limit: u64 },
    #[error(
        "This workspace may have {limit} unfinished jobs at a time, and has them. Wait until one is done, or cancel one."
    )]
    TooManyJobs { limit: u32 },
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl RoomError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::TooManyJobs { .. } => ErrorKind::TooMany,
            Self::Database(error) => error.kind(),
        }
    }

    /// What programs know it by.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "upload_too_large",
            Self::TooManyJobs { .. } => "too_many_jobs",
            Self::Database(_) => "unavailable",
        }
    }
}

/// The largest recording that the workspace may send.
pub async fn upload_limit(app: &App, workspace: WorkspaceId) -> Result<u64, DatabaseError> {
    Ok(largest(app, &limits::find(&app.db, workspace).await?))
}

/// Its own limit, as far as the server's allows.
pub(super) fn largest(app: &App, limits: &Limits) -> u64 {
    limits.max_upload_bytes.map_or(app.max_upload_bytes, |own| own.min(app.max_upload_bytes))
}

/// Refuses a recording before any byte of it is taken, as far as can be told by then. `announced` is the length of the
/// request's body.
pub async fn look_for_room(app: &App, workspace: WorkspaceId, announced: Option<u64>) -> Result<(), RoomError> {
    let limits = limits::find(&app.db, workspace).await?;
    let limit = largest(app, &limits);
    if announced.is_some_and(|bytes| bytes > limit.saturating_add(FORM_BYTES)) {
        return Err(RoomError::TooLarge { limit });
    }
    match limits.max_unfinished_jobs {
        Some(limit) => is_below(limit, jobs::count_unfinished(&app.db, workspace).await?),
        None => Ok(()),
    }
}

/// Refuses a job where it is stored. Several that come at once are counted one after the other.
pub(super) async fn take_room(tx: &Transaction, workspace: WorkspaceId) -> Result<(), RoomError> {
    match limits::lock(tx, workspace).await?.max_unfinished_jobs {
        Some(limit) => is_below(limit, jobs::count_unfinished_in(tx, workspace).await?),
        None => Ok(()),
    }
}

fn is_below(limit: u32, unfinished: u64) -> Result<(), RoomError> {
    if unfinished < u64::from(limit) { Ok(()) } else { Err(RoomError::TooManyJobs { limit }) }
}

/// The longest recording that the workspace may have transcribed, in milliseconds. Only who decodes one knows how long
/// it is.
pub(super) async fn longest_audio(tx: &Transaction, workspace: WorkspaceId) -> Result<Option<u64>, DatabaseError> {
    Ok(limits::find_in(tx, workspace).await?.max_audio_ms)
}

/// Why a job fails whose recording is too long, for the workspace or for whoever works on it.
pub(super) fn too_long(limit_ms: u64) -> Failure {
    let limit = humantime::format_duration(Duration::from_millis(limit_ms));
    let code = FailureCode::MediaTooLong;
    let message = format!("{} This workspace may have up to {limit} transcribed at once.", code.sentence());
    Failure { code: code.to_string(), message }
}
