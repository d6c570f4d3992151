//! Uploads that take several requests, and survive whatever happens between and in them. Bytes are stored in parts as
//! they come; what is noted in a row is safe, and that is what a sender hears of. With its last byte an upload becomes
//! a job.

mod append;
mod checksum;
mod create;
mod delete;
mod finish;
mod hold;

use std::time::Duration;

use escriba_blobs::BlobError;
use escriba_database::{DatabaseError, uploads, within_reason};
use escriba_domain::{ErrorKind, UploadId, WorkspaceId};
use tokio::task::JoinError;

pub use append::{Append, append};
pub use checksum::{Checksum, ParseChecksumError};
pub use create::create;
pub use delete::{delete, delete_expired};
pub use uploads::{NewUpload, Upload};

use super::{
    App,
    answer_once::OnceError,
    room::{RoomError, upload_limit},
    submit_job::{Submission, SubmitError},
};

/// An upload is kept for so long after its last byte, and after it has become a job.
pub const KEPT_FOR: Duration = Duration::from_hours(24);

#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error("There is no upload {0}. Begin a new one.")]
    NotFound(UploadId),
    #[error("Nothing came for the upload {0} for more than a day, so it is gone. Begin a new one.")]
    Gone(UploadId),
    #[error(transparent)]
    Room(#[from] RoomError),
    #[error("The upload stands at byte {stands_at}, and these bytes are meant for byte {meant_for}. Go on from there.")]
    Offset { stands_at: u64, meant_for: u64 },
    #[error("More bytes were sent than `Upload-Length` had said. Begin a new upload with the right length.")]
    TooMany,
    #[error("Another request is writing to this upload. Ask where it stands in a moment, and go on from there.")]
    Held,
    #[error("The bytes do not have the checksum that was sent with them, so none of them was kept. Send them again.")]
    Checksum,
    #[error("The bytes broke off: {0}. Ask where the upload stands, and go on from there.")]
    BrokenOff(String),
    #[error(transparent)]
    Submit(#[from] SubmitError),
    #[error(transparent)]
    Once(#[from] OnceError),
    #[error("what took in the bytes died")]
    Died(#[from] JoinError),
    #[error(transparent)]
    Storage(#[from] BlobError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl UploadError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) | Self::Gone(_) => ErrorKind::NotFound,
            Self::Room(error) => error.kind(),
            Self::Offset { .. } | Self::Held | Self::BrokenOff(_) => ErrorKind::Conflict,
            Self::TooMany | Self::Checksum => ErrorKind::Invalid,
            Self::Submit(error) => error.kind(),
            Self::Once(error) => error.kind(),
            // A part that is noted and not there is no fault of the sender's.
            Self::Died(_) | Self::Storage(BlobError::NotFound(_)) => ErrorKind::Internal,
            Self::Storage(error) => error.kind(),
            Self::Database(error) => error.kind(),
        }
    }
}

/// What an upload is to become.
#[derive(Debug, Clone)]
pub struct Plan {
    pub file_name: Option<String>,
    pub content_type: Option<String>,
    pub submission: Submission,
}

/// The upload as it stands.
pub async fn find(app: &App, workspace: WorkspaceId, id: UploadId) -> Result<Upload, UploadError> {
    let found = within_reason(uploads::find(&app.db, workspace, id)).await?;
    let upload = found.ok_or(UploadError::NotFound(id))?;
    if upload.is_expired { Err(UploadError::Gone(id)) } else { Ok(upload) }
}

/// The largest recording that is taken.
pub async fn largest(app: &App, workspace: WorkspaceId) -> Result<u64, UploadError> {
    Ok(within_reason(upload_limit(app, workspace)).await?)
}
