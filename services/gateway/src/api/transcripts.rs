//! `/v1/jobs/{id}/transcript`: rendered by the export service, passed through as it streams.

use std::sync::Arc;

use escriba_proto::v1::{Format, LineEnding};
use poem::Body;
use poem_openapi::{
    ApiResponse, Enum, OpenApi, ResponseContent,
    param::{Path, Query},
    payload::Binary,
};
use uuid::Uuid;

use super::{
    authentication::{ApiKey, Read},
    content_disposition,
    document::Group,
    problem::{Failure, failure},
    segments::{existing_version, find_job},
};
use crate::{app::App, clients::exports::Rendered};

pub struct TranscriptsApi {
    pub(super) app: Arc<App>,
}

/// How a transcript is written.
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename_all = "lowercase")]
pub(super) enum TranscriptFormat {
    /// Everything, with segments and words.
    Json,
    /// SubRip subtitles.
    Srt,
    /// WebVTT subtitles.
    Vtt,
    /// The text, a line a segment.
    Txt,
}

/// How lines end in subtitles and text.
#[derive(Debug, Clone, Copy, Default, Enum)]
#[oai(rename_all = "lowercase")]
enum Newline {
    #[default]
    Lf,
    Crlf,
}

#[derive(ResponseContent)]
enum Content {
    #[oai(content_type = "application/json")]
    Json(Binary<Body>),
    #[oai(content_type = "application/x-subrip; charset=utf-8")]
    Srt(Binary<Body>),
    #[oai(content_type = "text/vtt; charset=utf-8")]
    Vtt(Binary<Body>),
    #[oai(content_type = "text/plain; charset=utf-8")]
    Txt(Binary<Body>),
}

#[derive(ApiResponse)]
enum TranscriptResponse {
    /// The transcript as far as it is committed.
    #[oai(status = 200)]
    Transcript(Content, #[oai(header = "Content-Disposition")] String),
}

#[OpenApi(tag = "Group::Transcripts")]
impl TranscriptsApi {
    /// Read a transcript
    ///
    /// Renders the job's transcript as subtitles, text or JSON. While the job runs it holds what is final so far.
    #[oai(path = "/v1/jobs/:id/transcript", method = "get", operation_id = "getTranscript")]
    async fn get(
        &self,
        key: ApiKey<Read>,
        /// The job's id.
        id: Path<Uuid>,
        /// How it is written.
        #[oai(default = "json")]
        format: Query<TranscriptFormat>,
        /// How lines end, for all formats but JSON.
        #[oai(default)]
        newline: Query<Newline>,
        /// Which version of the transcript. Left out: the newest.
        #[oai(validator(minimum(value = "1")))]
        version: Query<Option<u32>>,
    ) -> Result<TranscriptResponse, Failure> {
        let line_ending = match newline.0 {
            Newline::Lf => LineEnding::Lf,
            Newline::Crlf => LineEnding::Crlf,
        };
        // Asked here, so that a stranger hears the same whether the export service is there or not.
        let job = find_job(&self.app, key.0, id.0.into()).await?;
        if version.0.is_some() {
            existing_version(&job, version.0)?;
        }
        let rendered = self
            .app
            .exports
            .render(key.0, id.0.into(), proto_format(format.0), (line_ending, version.0))
            .await
            .map_err(|error| failure(error.kind(), "job_not_found", &error))?;
        Ok(answer(format.0, rendered))
    }
}

const fn json() -> TranscriptFormat {
    TranscriptFormat::Json
}

pub(super) const fn proto_format(format: TranscriptFormat) -> Format {
    match format {
        TranscriptFormat::Json => Format::Json,
        TranscriptFormat::Srt => Format::Srt,
        TranscriptFormat::Vtt => Format::Vtt,
        TranscriptFormat::Txt => Format::Txt,
    }
}

fn answer(format: TranscriptFormat, rendered: Rendered) -> TranscriptResponse {
    let disposition = content_disposition::attachment(&rendered.file_name);
    let body = Binary(Body::from_bytes_stream(rendered.bytes));
    let content = match format {
        TranscriptFormat::Json => Content::Json(body),
        TranscriptFormat::Srt => Content::Srt(body),
        TranscriptFormat::Vtt => Content::Vtt(body),
        TranscriptFormat::Txt => Content::Txt(body),
    };
    TranscriptResponse::Transcript(content, disposition)
}
