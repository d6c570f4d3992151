//! Bytes of an upload, as the body of a request.

use std::io;

use bytes::Bytes;
use futures_util::Stream;
use poem::{Body, Request, RequestBody, http::header::CONTENT_TYPE};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef},
};

const OFFSET_STREAM: &str = "application/offset+octet-stream";

/// Bytes that are on their way, or none.
pub(super) struct Piece(Option<Body>);

impl Piece {
    /// Whether the request says that it brings bytes.
    pub(super) const fn is_there(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send + Unpin + 'static {
        Box::pin(self.0.unwrap_or_default().into_bytes_stream())
    }
}

impl<'a> ApiExtractor<'a> for Piece {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "binary")));
        let content = vec![MetaMediaType { content_type: OFFSET_STREAM, schema }];
        Some(MetaRequest { description: Some("Bytes of the recording."), content, required: false })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let is_piece = request.headers().get(CONTENT_TYPE).is_some_and(|value| value == OFFSET_STREAM);
        Ok(Self(if is_piece { Some(body.take()?) } else { None }))
    }
}
