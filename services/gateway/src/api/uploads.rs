//! `/v1/uploads`: recordings that come in pieces, over connections that break. The protocol is tus 1.0
//! (<https://tus.io/protocols/resumable-upload>), with creation, creation with upload, termination, checksums and
//! expiration.

mod answers;
mod body;
mod failure;
mod metadata;
mod protocol;

use std::sync::Arc;

use escriba_domain::{JobId, UploadId, WorkspaceId};
use poem_openapi::{
    OpenApi,
    param::{Header, Path},
};
use uuid::Uuid;

use self::{
    answers::{Appended, Created, Deleted, Offered, Standing},
    body::Piece,
    failure::{UploadFailure, unacceptable},
    metadata::Metadata,
    protocol::{check_version, http_date, parse_checksum},
};
use super::{
    authentication::{ApiKey, Read, Transcribe},
    document::Group,
    idempotency::{KeyHeader, create_once},
    problem::{Failure, unreadable},
};
use crate::app::{
    App,
    answer_once::{Answer, Fingerprint},
    uploads::{self, Append, Checksum, NewUpload, Plan, Upload, UploadError},
};

pub(super) use protocol::speak_tus;

/// What `Tus-Extension` says.
const EXTENSIONS: &str = "creation,creation-with-upload,termination,checksum,expiration";

pub struct UploadsApi {
    pub(super) app: Arc<App>,
}

#[OpenApi(prefix_path = "/v1/uploads", tag = "Group::Uploads")]
impl UploadsApi {
    /// See how uploads are taken
    ///
    /// Which version and extensions of tus are spoken, and how large a recording may be.
    #[oai(path = "/", method = "options", operation_id = "getUploadOptions")]
    async fn options(&self, key: ApiKey<Read>) -> Result<Offered, UploadFailure> {
        let largest = uploads::largest(&self.app, key.0).await?;
        let algorithms = Checksum::ALGORITHMS.to_owned();
        Ok(Offered::Tus(protocol::VERSION.to_owned(), EXTENSIONS.to_owned(), largest, algorithms))
    }

    /// Begin an upload
    ///
    /// Begins a recording that comes in pieces. The job's options go into `Upload-Metadata`, named as the parts of the
    /// form of `createJob`. With its last byte the upload becomes a job.
    #[oai(path = "/", method = "post", operation_id = "createUpload")]
    #[expect(clippy::too_many_arguments, reason = "each is a header of the protocol")]
    async fn create(
        &self,
        key: ApiKey<Transcribe>,
        /// The version of tus that is spoken: `1.0.0`.
        #[oai(name = "Tus-Resumable")]
        version: Header<Option<String>>,
        /// How many bytes the recording has.
        #[oai(name = "Upload-Length")]
        length: Header<Option<u64>>,
        /// Pairs of a name and a value in base64, separated by commas: `filename`, `filetype`, and any option of a job.
        #[oai(name = "Upload-Metadata")]
        metadata: Header<Option<String>>,
        /// An algorithm and a checksum in base64 of the bytes that come along, such as `sha256 LPJNul+wow4m6Ds…`.
        #[oai(name = "Upload-Checksum")]
        checksum: Header<Option<String>>,
        /// Any text that names this upload and no other, such as a UUID. Sent again with the same key within a day,
        /// the request is answered with the upload that it began the first time.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: KeyHeader,
        piece: Piece,
    ) -> Result<Created, UploadFailure> {
        check_version(version.0.as_deref())?;
        let total_bytes = length.0.ok_or_else(|| {
            unreadable("`Upload-Length` is missing. The length of a recording must be known from the start.")
        })?;
        let checksum = parse_checksum(checksum.0.as_deref())?;
        let metadata = metadata.0.unwrap_or_default();
        let plan = Metadata::parse(&metadata)?.plan(&self.app)?;

        let id = self.begin(key.0, idempotency_key, (total_bytes, metadata)).await?;
        let begun = uploads::find(&self.app, key.0, id).await?;
        let upload = self.take_along(begun, checksum, plan, piece).await?;
        let job = upload.job.map(JobId::as_uuid);
        Ok(Created::Upload(place(id), upload.stored_bytes, http_date(upload.expires_at), job))
    }

    /// See how an upload stands
    ///
    /// How many bytes are safe. After a broken connection, go on from there. Once it has become a job, the job's id.
    #[oai(path = "/:id", method = "head", operation_id = "getUpload")]
    async fn head(
        &self,
        key: ApiKey<Transcribe>,
        /// The upload's id.
        id: Path<Uuid>,
        /// The version of tus that is spoken: `1.0.0`.
        #[oai(name = "Tus-Resumable")]
        version: Header<Option<String>>,
    ) -> Result<Standing, UploadFailure> {
        check_version(version.0.as_deref())?;
        let upload = uploads::find(&self.app, key.0, id.0.into()).await?;
        Ok(Standing::Upload(
            upload.stored_bytes,
            upload.total_bytes,
            Some(upload.metadata).filter(|metadata| !metadata.is_empty()),
            http_date(upload.expires_at),
            upload.job.map(JobId::as_uuid),
            "no-store".to_owned(),
        ))
    }

    /// Send the next bytes of an upload
    ///
    /// Takes bytes from where the upload stands. What arrived is kept when the connection breaks, except with
    /// `Upload-Checksum`: then all of it counts, or nothing. The answer to the last byte comes when the job is queued.
    #[oai(path = "/:id", method = "patch", operation_id = "appendToUpload")]
    async fn append(
        &self,
        key: ApiKey<Transcribe>,
        /// The upload's id.
        id: Path<Uuid>,
        /// The version of tus that is spoken: `1.0.0`.
        #[oai(name = "Tus-Resumable")]
        version: Header<Option<String>>,
        /// The place of the first of these bytes in the recording: where the upload stands.
        #[oai(name = "Upload-Offset")]
        offset: Header<Option<u64>>,
        /// An algorithm and a checksum of these bytes in base64, such as `sha256 LPJNul+wow4m6Ds…`.
        #[oai(name = "Upload-Checksum")]
        checksum: Header<Option<String>>,
        piece: Piece,
    ) -> Result<Appended, UploadFailure> {
        check_version(version.0.as_deref())?;
        if !piece.is_there() {
            return Err(unacceptable());
        }
        let offset = offset.0.ok_or_else(|| unreadable("`Upload-Offset` is missing. Ask for it with HEAD."))?;
        let checksum = parse_checksum(checksum.0.as_deref())?;
        let upload = self.at(key.0, id.0.into(), offset).await?;
        let plan = Metadata::parse(&upload.metadata)?.plan(&self.app)?;
        let append = Append { workspace: key.0, upload: upload.id, offset, checksum, plan };
        let upload = uploads::append(self.app.clone(), append, piece.into_stream()).await?;
        let job = upload.job.map(JobId::as_uuid);
        let location = job.map(|job| format!("/v1/jobs/{job}"));
        Ok(Appended::Upload(upload.stored_bytes, http_date(upload.expires_at), job, location))
    }

    /// End an upload
    ///
    /// Deletes what came of it. An upload that has become a job leaves the job as it is.
    #[oai(path = "/:id", method = "delete", operation_id = "deleteUpload")]
    async fn delete(
        &self,
        key: ApiKey<Transcribe>,
        /// The upload's id.
        id: Path<Uuid>,
        /// The version of tus that is spoken: `1.0.0`.
        #[oai(name = "Tus-Resumable")]
        version: Header<Option<String>>,
    ) -> Result<Deleted, UploadFailure> {
        check_version(version.0.as_deref())?;
        uploads::delete(&self.app, key.0, id.0.into()).await?;
        Ok(Deleted::Gone)
    }
}

impl UploadsApi {
    /// A new upload, or the one that a request with the same key has begun.
    async fn begin(
        &self,
        workspace: WorkspaceId,
        key: KeyHeader,
        (total_bytes, metadata): (u64, String),
    ) -> Result<UploadId, Failure> {
        let request = Fingerprint::of("createUpload", &[&total_bytes.to_be_bytes(), metadata.as_bytes()]);
        let new = NewUpload { id: UploadId::new(), workspace, total_bytes, metadata };
        let fresh = new.id;
        let answer = create_once(&self.app, workspace, key, request, |once| async move {
            let answer = Answer { status: 201, location: Some(place(new.id)), body: String::new() };
            uploads::create(&self.app, &new, &once, answer).await.map_err(failure::refused)
        })
        .await?;
        let begun = answer.location.as_deref().and_then(|place| place.rsplit('/').next()?.parse().ok());
        Ok(begun.unwrap_or(fresh))
    }

    /// Takes what came with the request that began the upload. Sent again, that request finds the upload where it
    /// stands by now.
    async fn take_along(
        &self,
        begun: Upload,
        checksum: Option<Checksum>,
        plan: Plan,
        piece: Piece,
    ) -> Result<Upload, UploadFailure> {
        let is_empty = begun.total_bytes == 0;
        if begun.stored_bytes > 0 || begun.job.is_some() || !(piece.is_there() || is_empty) {
            return Ok(begun);
        }
        let append = Append { workspace: begun.workspace, upload: begun.id, offset: 0, checksum, plan };
        match uploads::append(self.app.clone(), append, piece.into_stream()).await {
            Err(error) if is_empty => Err(error.into()),
            // The upload has begun all the same, and its sender hears how much of it is safe.
            Err(_) => Ok(uploads::find(&self.app, begun.workspace, begun.id).await?),
            Ok(upload) => Ok(upload),
        }
    }

    /// The upload, if it stands where the request thinks that it does: one that does not is not read.
    async fn at(&self, workspace: WorkspaceId, id: UploadId, offset: u64) -> Result<Upload, UploadFailure> {
        let upload = uploads::find(&self.app, workspace, id).await?;
        if upload.stored_bytes == offset {
            return Ok(upload);
        }
        Err(UploadError::Offset { stands_at: upload.stored_bytes, meant_for: offset }.into())
    }
}

fn place(id: UploadId) -> String {
    format!("/v1/uploads/{id}")
}
