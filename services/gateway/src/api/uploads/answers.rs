//! What is answered to the requests of an upload: nearly all of it in headers.

use poem_openapi::ApiResponse;
use uuid::Uuid;

#[derive(ApiResponse)]
pub(super) enum Offered {
    /// What is spoken here.
    #[oai(status = 204)]
    Tus(
        /// The versions of the protocol.
        #[oai(header = "Tus-Version")]
        String,
        /// Its extensions.
        #[oai(header = "Tus-Extension")]
        String,
        /// The largest recording that is taken, in bytes.
        #[oai(header = "Tus-Max-Size")]
        u64,
        /// The checksums that are known.
        #[oai(header = "Tus-Checksum-Algorithm")]
        String,
    ),
}

#[derive(ApiResponse)]
pub(super) enum Created {
    /// The upload has begun, and what came with the request is in it.
    #[oai(status = 201)]
    Upload(
        /// Where to send the bytes.
        #[oai(header = "Location")]
        String,
        /// How many bytes are safe.
        #[oai(header = "Upload-Offset")]
        u64,
        /// When the upload goes unless more bytes come.
        #[oai(header = "Upload-Expires")]
        String,
        /// The job, if the recording is whole.
        #[oai(header = "X-Escriba-Job")]
        Option<Uuid>,
    ),
}

#[derive(ApiResponse)]
pub(super) enum Standing {
    /// How the upload stands.
    #[oai(status = 200)]
    Upload(
        /// How many bytes are safe: the next request goes on from here.
        #[oai(header = "Upload-Offset")]
        u64,
        /// How many bytes it will have.
        #[oai(header = "Upload-Length")]
        u64,
        /// What was said at the beginning.
        #[oai(header = "Upload-Metadata")]
        Option<String>,
        /// When the upload goes unless more bytes come.
        #[oai(header = "Upload-Expires")]
        String,
        /// The job, once the recording is whole.
        #[oai(header = "X-Escriba-Job")]
        Option<Uuid>,
        #[oai(header = "Cache-Control")] String,
    ),
}

#[derive(ApiResponse)]
pub(super) enum Appended {
    /// The bytes are safe.
    #[oai(status = 204)]
    Upload(
        /// How many bytes are safe: the next request goes on from here.
        #[oai(header = "Upload-Offset")]
        u64,
        /// When the upload goes unless more bytes come.
        #[oai(header = "Upload-Expires")]
        String,
        /// The job, if the recording is whole now.
        #[oai(header = "X-Escriba-Job")]
        Option<Uuid>,
        /// Where to look at that job.
        #[oai(header = "Location")]
        Option<String>,
    ),
}

#[derive(ApiResponse)]
pub(super) enum Deleted {
    /// The upload is gone. A job that it became stays.
    #[oai(status = 204)]
    Gone,
}
