//! How uploads fail: as everything does, and in the ways that are the protocol's own.

use poem::{Error, IntoResponse, Response, http::StatusCode};
use poem_openapi::{
    ApiResponse,
    registry::{MetaResponses, Registry},
};

use super::{
    super::{
        idempotency,
        problem::{Failure, ProblemJson, busy, failure},
    },
    protocol::VERSION,
};
use crate::app::{submit_job::SubmitError, uploads::UploadError};

/// Every way in which a request of an upload can fail.
pub(super) enum UploadFailure {
    Usual(Failure),
    Own(OwnFailure),
}

#[derive(ApiResponse)]
pub(super) enum OwnFailure {
    /// The upload was left for too long, and is gone.
    #[oai(status = 410)]
    Gone(ProblemJson),
    /// The request speaks another version of tus.
    #[oai(status = 412)]
    WrongVersion(ProblemJson, #[oai(header = "Tus-Version")] String),
    /// The body is not `application/offset+octet-stream`.
    #[oai(status = 415)]
    Unacceptable(ProblemJson),
    /// Another request is writing to the upload.
    #[oai(status = 423)]
    Held(ProblemJson),
    /// The bytes do not have their checksum.
    #[oai(status = 460)]
    Checksum(ProblemJson),
}

impl ApiResponse for UploadFailure {
    fn meta() -> MetaResponses {
        let mut meta = Failure::meta();
        meta.responses.extend(OwnFailure::meta().responses);
        meta
    }

    fn register(registry: &mut Registry) {
        Failure::register(registry);
        OwnFailure::register(registry);
    }
}

impl IntoResponse for UploadFailure {
    fn into_response(self) -> Response {
        match self {
            Self::Usual(failure) => failure.into_response(),
            Self::Own(failure) => failure.into_response(),
        }
    }
}

impl From<UploadFailure> for Error {
    fn from(failure: UploadFailure) -> Self {
        Self::from_response(failure.into_response())
    }
}

impl From<Failure> for UploadFailure {
    fn from(failure: Failure) -> Self {
        Self::Usual(failure)
    }
}

impl From<UploadError> for UploadFailure {
    fn from(error: UploadError) -> Self {
        let sentence = error.to_string();
        let own = |status, code: &str| ProblemJson::new(status, code, &sentence);
        Self::Own(match error {
            UploadError::Gone(_) => OwnFailure::Gone(own(StatusCode::GONE, "upload_gone")),
            UploadError::Held => OwnFailure::Held(own(StatusCode::LOCKED, "upload_locked")),
            UploadError::Checksum => OwnFailure::Checksum(own(mismatch(), "checksum_mismatch")),
            usual => return Self::Usual(refused(usual)),
        })
    }
}

/// The status that the protocol has made up for it.
fn mismatch() -> StatusCode {
    StatusCode::from_u16(460).unwrap_or(StatusCode::BAD_REQUEST)
}

pub(super) fn wrong_version() -> UploadFailure {
    let sentence = format!("This server speaks tus {VERSION}. Send `Tus-Resumable: {VERSION}`.");
    let problem = ProblemJson::new(StatusCode::PRECONDITION_FAILED, "tus_version_unsupported", &sentence);
    UploadFailure::Own(OwnFailure::WrongVersion(problem, VERSION.to_owned()))
}

pub(super) fn unacceptable() -> UploadFailure {
    let sentence = "The bytes of an upload are sent as `Content-Type: application/offset+octet-stream`.";
    let problem = ProblemJson::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", sentence);
    UploadFailure::Own(OwnFailure::Unacceptable(problem))
}

/// What can also go wrong elsewhere.
pub(super) fn refused(error: UploadError) -> Failure {
    let code = match error {
        UploadError::Once(error) | UploadError::Submit(SubmitError::Once(error)) => return idempotency::refused(error),
        UploadError::BrokenOff(_) => return busy("upload_interrupted", &error),
        UploadError::NotFound(_) | UploadError::Gone(_) => "upload_not_found",
        UploadError::Room(ref room) => room.code(),
        UploadError::Offset { .. } => "upload_offset_mismatch",
        UploadError::TooMany => "upload_length_exceeded",
        UploadError::Held => "upload_locked",
        UploadError::Checksum => "checksum_mismatch",
        UploadError::Submit(ref error) => error.code(),
        UploadError::Died(_) => "internal",
        UploadError::Storage(_) => "storage",
        UploadError::Database(_) => "unavailable",
    };
    failure(error.kind(), code, &error)
}
