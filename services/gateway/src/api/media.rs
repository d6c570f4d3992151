//! `/v1/jobs/{id}/media`: the recording as it was sent, whole or in part, for players and downloads.

use std::{ops::Range, sync::Arc};

use futures_util::TryStreamExt;
use poem::{
    Body, IntoResponse, Response,
    http::{HeaderValue, StatusCode, header},
    web::headers::{self, ETag, IfNoneMatch, IfRange},
};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Header, Path, Query},
    payload::Payload,
    registry::{MetaSchema, MetaSchemaRef},
};
use uuid::Uuid;

use super::{
    authentication::{ApiKey, Read},
    byte_range::{Asked, asked},
    content_disposition,
    document::Group,
    problem::{Failure, ProblemJson, failure},
};
use crate::app::{
    App,
    open_media::{MediaBytes, MediaError, Rendering, Source, content_type, find_source, read_source},
};

/// A recording comes from a stranger. Whatever it turns out to be, a browser that opens it runs nothing of it.
const SANDBOX: &str = "default-src 'none'; media-src 'self'; sandbox";
/// It never changes, but may be deleted, and is nobody else's.
const CACHING: &str = "private, no-cache";

pub struct MediaApi {
    pub(super) app: Arc<App>,
}

/// Bytes of a recording on their way.
struct MediaBody {
    body: Body,
    bytes: u64,
    content_type: String,
    disposition: String,
}

impl Payload for MediaBody {
    const CONTENT_TYPE: &'static str = "application/octet-stream";

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "binary")))
    }
}

impl IntoResponse for MediaBody {
    fn into_response(self) -> Response {
        Response::builder()
            .content_type(self.content_type)
            .header(header::CONTENT_LENGTH, self.bytes)
            .header(header::CONTENT_DISPOSITION, self.disposition)
            .header(header::ACCEPT_RANGES, "bytes")
            .header(header::CACHE_CONTROL, CACHING)
            .header(header::CONTENT_SECURITY_POLICY, SANDBOX)
            .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            .body(self.body)
    }
}

#[derive(ApiResponse)]
enum MediaResponse {
    /// The whole recording, of the type its sender named if that is sound or video, else of the type its first bytes
    /// tell.
    #[oai(status = 200)]
    Whole(
        MediaBody,
        /// The recording's SHA-256 in hexadecimal, quoted; that of a rendition ends in `-mp3`.
        #[oai(header = "ETag")]
        String,
    ),
    /// The part that was asked for.
    #[oai(status = 206)]
    Part(
        MediaBody,
        /// The recording's SHA-256 in hexadecimal, quoted; that of a rendition ends in `-mp3`.
        #[oai(header = "ETag")]
        String,
        /// Which part, and how many bytes the recording has, such as `bytes 0-1023/176128`.
        #[oai(header = "Content-Range")]
        String,
    ),
    /// The recording that the caller has is the one.
    #[oai(status = 304)]
    NotModified(#[oai(header = "ETag")] String),
    /// The recording was deleted, because the workspace keeps none for longer.
    #[oai(status = 410)]
    Deleted(ProblemJson),
    /// The recording has no bytes there.
    #[oai(status = 416)]
    OutOfRange(
        ProblemJson,
        /// How many bytes the recording has, such as `bytes */176128`.
        #[oai(header = "Content-Range")]
        String,
    ),
}

#[OpenApi(tag = "Group::Jobs")]
impl MediaApi {
    /// Download a recording
    ///
    /// The recording as it was sent, to be played or saved; with `playable=true` what browsers play. `Range` asks for one
    /// part of it, as players do to seek; several parts at once are answered with the whole. `HEAD` is answered like
    /// `GET`, without the bytes.
    #[oai(path = "/v1/jobs/:id/media", method = "get", operation_id = "getMedia")]
    async fn get(
        &self,
        key: ApiKey<Read>,
        /// The job's id.
        id: Path<Uuid>,
        /// Whether it is for a browser: where usual ones do not play the recording itself, an MP3 of it is sent. There
        /// is one once the recording is transcribed, as long as the recording is kept.
        #[oai(default)]
        playable: Query<bool>,
        /// Which part, such as `bytes=0-1023`, `bytes=1024-` or `bytes=-1024`.
        #[oai(name = "Range")]
        range: Header<Option<String>>,
        /// The `ETag` of the recording that the caller has: it is not sent again.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
        /// The `ETag` of what the caller has a part of: if it is another's, the whole recording is sent.
        #[oai(name = "If-Range")]
        if_range: Header<Option<String>>,
    ) -> Result<MediaResponse, Failure> {
        let rendering = if playable.0 { Rendering::Playable } else { Rendering::Original };
        let source = match find_source(&self.app, key.0, id.0.into(), rendering).await {
            Err(error @ MediaError::Deleted) => return Ok(deleted(&error)),
            found => found.map_err(|error| refused(&error))?,
        };
        let tag = format!("\"{}\"", source.tag);
        if is_known(&tag, if_none_match.0.as_deref()) {
            return Ok(MediaResponse::NotModified(tag));
        }
        let range = range.0.filter(|_| is_same(&tag, if_range.0.as_deref()));
        match asked(range.as_deref(), source.size_bytes) {
            Asked::Whole => Ok(MediaResponse::Whole(self.body(&source, 0..source.size_bytes).await?, tag)),
            Asked::Part(part) => {
                let told = format!("bytes {}-{}/{}", part.start, part.end - 1, source.size_bytes);
                Ok(MediaResponse::Part(self.body(&source, part).await?, tag, told))
            }
            Asked::OutOfRange => Ok(out_of_range(source.size_bytes)),
        }
    }
}

impl MediaApi {
    async fn body(&self, source: &Source, range: Range<u64>) -> Result<MediaBody, Failure> {
        let content_type = content_type(&self.app, source).await.map_err(|error| refused(&error))?;
        let bytes = range.end - range.start;
        let stream: MediaBytes = read_source(&self.app, source, range).await.map_err(|error| refused(&error))?;
        let body = Body::from_bytes_stream(stream.map_err(std::io::Error::other));
        Ok(MediaBody { body, bytes, content_type, disposition: content_disposition::inline(&source.file_name) })
    }
}

fn refused(error: &MediaError) -> Failure {
    let code = match error {
        MediaError::NotFound(_) => "job_not_found",
        MediaError::Deleted => "media_deleted",
        MediaError::Missing(_) => "media_missing",
        MediaError::Storage(_) | MediaError::Database(_) => "unavailable",
    };
    failure(error.kind(), code, error)
}

fn deleted(error: &MediaError) -> MediaResponse {
    MediaResponse::Deleted(ProblemJson::new(StatusCode::GONE, "media_deleted", &error.to_string()))
}

fn out_of_range(bytes: u64) -> MediaResponse {
    let detail = format!("The recording has {bytes} bytes, and none of them lie where `Range` asks for.");
    let problem = ProblemJson::new(StatusCode::RANGE_NOT_SATISFIABLE, "range_invalid", &detail);
    MediaResponse::OutOfRange(problem, format!("bytes */{bytes}"))
}

/// Whether `If-None-Match` names it.
fn is_known(tag: &str, if_none_match: Option<&str>) -> bool {
    let (Some(known), Ok(tag)) = (if_none_match.and_then(decode::<IfNoneMatch>), tag.parse::<ETag>()) else {
        return false;
    };
    !known.precondition_passes(&tag)
}

/// Whether `If-Range` names it, or there is none. A date never does: recordings have no other version.
fn is_same(tag: &str, if_range: Option<&str>) -> bool {
    let Some(text) = if_range else { return true };
    let tag = tag.parse::<ETag>().ok();
    decode::<IfRange>(text).is_some_and(|known| !known.is_modified(tag.as_ref(), None))
}

fn decode<H: headers::Header>(text: &str) -> Option<H> {
    let value = HeaderValue::from_str(text).ok()?;
    H::decode(&mut std::iter::once(&value)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "\"5e\"";

    #[test]
    fn a_recording_that_is_known_is_told_by_its_tag() {
        for known in ["\"5e\"", "\"00\", \"5e\"", "W/\"5e\"", "*"] {
            assert!(is_known(TAG, Some(known)), "{known}");
        }
        for other in ["\"5f\"", "5e", ""] {
            assert!(!is_known(TAG, Some(other)), "{other}");
        }
        assert!(!is_known(TAG, None));
    }

    #[test]
    fn a_part_goes_only_with_a_part_of_the_same() {
        assert!(is_same(TAG, None) && is_same(TAG, Some("\"5e\"")));
        for other in ["\"5f\"", "W/\"5e\"", "Sat, 29 Oct 1994 19:43:31 GMT", "nonsense"] {
            assert!(!is_same(TAG, Some(other)), "{other}");
        }
    }
}
