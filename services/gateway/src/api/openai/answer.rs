//! The answer to a request whose job is completed, in the format asked for.

use escriba_database::{DatabaseError, jobs::Job, transcripts, within_reason};
use escriba_domain::Segment;
use escriba_proto::v1::{Format, LineEnding};
use futures_util::TryStreamExt;
use poem::Body;
use poem_openapi::{
    ResponseContent,
    payload::{Binary, Json},
};

use super::{
    error::Refusal,
    form::{Granularity, ResponseFormat, Wanted},
    views::{DiarizedView, PlainView, TranscriptView, VerboseView},
};
use crate::app::App;

/// A transcript in one of the formats.
#[derive(ResponseContent)]
pub(super) enum Content {
    Json(Json<TranscriptView>),
    #[oai(content_type = "text/plain; charset=utf-8")]
    Text(Binary<Body>),
    #[oai(content_type = "application/x-subrip; charset=utf-8")]
    Srt(Binary<Body>),
    #[oai(content_type = "text/vtt; charset=utf-8")]
    Vtt(Binary<Body>),
}

/// Writes a completed job's transcript.
pub(super) async fn write(app: &App, job: &Job, wanted: &Wanted) -> Result<Content, Refusal> {
    match wanted.format {
        ResponseFormat::Text => render(app, job, Format::Txt).await.map(Content::Text),
        ResponseFormat::Srt => render(app, job, Format::Srt).await.map(Content::Srt),
        ResponseFormat::Vtt => render(app, job, Format::Vtt).await.map(Content::Vtt),
        ResponseFormat::Json => {
            let segments = read(app, job).await?;
            Ok(json(TranscriptView::Plain(PlainView::new(job, &segments, wanted.logprobs))))
        }
        ResponseFormat::VerboseJson => {
            let segments = read(app, job).await?;
            let mut view = VerboseView::new(job, &segments);
            if wanted.granularities.contains(&Granularity::Segment) {
                view = view.with_segments(&segments);
            }
            if wanted.granularities.contains(&Granularity::Word) {
                view = view.with_words(&segments);
            }
            Ok(json(TranscriptView::Verbose(view)))
        }
        ResponseFormat::DiarizedJson => {
            let segments = read(app, job).await?;
            Ok(json(TranscriptView::Diarized(DiarizedView::new(job, &segments))))
        }
    }
}

const fn json(view: TranscriptView) -> Content {
    Content::Json(Json(view))
}

async fn read(app: &App, job: &Job) -> Result<Vec<Segment>, Refusal> {
    let segments = within_reason::<_, DatabaseError>(transcripts::segments(&app.db, job.id).try_collect()).await;
    segments.map_err(|error| Refusal::new(error.kind(), "unavailable", None, &error).of_job(job.id))
}

async fn render(app: &App, job: &Job, format: Format) -> Result<Binary<Body>, Refusal> {
    let rendered = app.exports.render(job.workspace, job.id, format, (LineEnding::Lf, None)).await;
    let rendered = rendered.map_err(|error| Refusal::new(error.kind(), "job_deleted", None, &error).of_job(job.id))?;
    Ok(Binary(Body::from_bytes_stream(rendered.bytes)))
}
