//! `Exports.Render`: decodes a request, has it rendered, encodes the parts. Whoever calls is trusted to have checked
//! that its caller may see the workspace; the workspace's own walls stand here all the same.

use escriba_database::Database;
use escriba_domain::ErrorKind;
use escriba_proto::v1::{self, RenderRequest, RenderedHead, RenderedPart, exports_server};
use escriba_runtime::trace_context;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use tonic::{Request, Response, Status};
use tracing::{Instrument, Span, info_span};

use crate::{
    app::render_transcript::{self, RenderError, render_transcript},
    formats::{Format, LineEnding},
};

type PartStream = BoxStream<'static, Result<RenderedPart, Status>>;

pub(crate) struct Exports {
    database: Database,
}

impl Exports {
    pub(crate) const fn new(database: Database) -> Self {
        Self { database }
    }

    async fn rendered(&self, request: render_transcript::Request) -> Result<PartStream, Status> {
        let rendering = render_transcript(&self.database, request).await.map_err(|error| settle(&error))?;
        let content_type = request.format.content_type().to_owned();
        let head = RenderedHead { content_type, file_name: rendering.file_name };
        let first = RenderedPart { head: Some(head), data: Vec::new() };
        let rest = rendering.parts.map(|part| match part {
            Ok(data) => Ok(RenderedPart { head: None, data: data.into() }),
            Err(error) => Err(settle(&error)),
        });
        Ok(Box::pin(stream::iter([Ok(first)]).chain(rest)))
    }
}

#[tonic::async_trait]
impl exports_server::Exports for Exports {
    type RenderStream = PartStream;

    async fn render(&self, request: Request<RenderRequest>) -> Result<Response<PartStream>, Status> {
        let span = info_span!(
            "render",
            otel.kind = "server",
            workspace_id = request.get_ref().workspace_id,
            job_id = request.get_ref().job_id,
            format = request.get_ref().format().as_str_name(),
        );
        trace_context::adopt_metadata(&span, request.metadata());
        let request = span.in_scope(|| decode(request.get_ref()))?;
        let parts = self.rendered(request).instrument(span.clone()).await?;
        Ok(Response::new(within(span, parts)))
    }
}

/// The stream's work belongs to the span, which ends with the stream.
fn within(span: Span, mut parts: PartStream) -> PartStream {
    Box::pin(stream::poll_fn(move |context| span.in_scope(|| parts.poll_next_unpin(context))))
}

fn decode(request: &RenderRequest) -> Result<render_transcript::Request, Status> {
    let workspace = request.workspace_id.parse().map_err(|error| invalid("workspace_id", &error))?;
    let job = request.job_id.parse().map_err(|error| invalid("job_id", &error))?;
    let format = match v1::Format::try_from(request.format) {
        Ok(v1::Format::Srt) => Format::Srt,
        Ok(v1::Format::Vtt) => Format::Vtt,
        Ok(v1::Format::Txt) => Format::Txt,
        Ok(v1::Format::Json) => Format::Json,
        Ok(v1::Format::Unspecified) => return Err(Status::invalid_argument("format: say which one")),
        Err(error) => return Err(invalid("format", &error)),
    };
    let line_ending = match v1::LineEnding::try_from(request.line_ending) {
        Ok(v1::LineEnding::Unspecified | v1::LineEnding::Lf) => LineEnding::Lf,
        Ok(v1::LineEnding::Crlf) => LineEnding::Crlf,
        Err(error) => return Err(invalid("line_ending", &error)),
    };
    let version = (request.version > 0).then_some(request.version);
    Ok(render_transcript::Request { workspace, job, format, line_ending, version })
}

fn invalid(field: &str, error: &dyn std::error::Error) -> Status {
    Status::invalid_argument(format!("{field}: {error}"))
}

/// Where a failure ends: logged if it is ours, and told to the caller as far as it concerns them.
fn settle(error: &RenderError) -> Status {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    match error.kind() {
        ErrorKind::NotFound => Status::not_found(error.to_string()),
        ErrorKind::Invalid => Status::invalid_argument(error.to_string()),
        ErrorKind::Unauthenticated => Status::unauthenticated(error.to_string()),
        ErrorKind::Forbidden => Status::permission_denied(error.to_string()),
        ErrorKind::TooMany => Status::resource_exhausted(error.to_string()),
        ErrorKind::Conflict => Status::failed_precondition(error.to_string()),
        ErrorKind::TooLarge => Status::out_of_range(error.to_string()),
        ErrorKind::Unavailable | ErrorKind::StorageFull => {
            tracing::warn!(%error, cause, "a render could not be served for now");
            Status::unavailable("the database cannot be reached; try again")
        }
        ErrorKind::Internal => {
            tracing::error!(%error, cause, "a render failed");
            Status::internal("the transcript could not be rendered")
        }
    }
}

#[cfg(test)]
mod tests {
    use escriba_domain::{JobId, WorkspaceId};
    use tonic::Code;

    use super::*;

    fn request() -> RenderRequest {
        RenderRequest {
            workspace_id: WorkspaceId::new().to_string(),
            job_id: JobId::new().to_string(),
            format: v1::Format::Vtt.into(),
            line_ending: v1::LineEnding::Crlf.into(),
            version: 0,
        }
    }

    #[test]
    fn a_request_is_decoded() {
        let wire = request();
        let decoded = decode(&wire).unwrap();
        assert_eq!(decoded.job.to_string(), wire.job_id);
        assert_eq!((decoded.format, decoded.line_ending), (Format::Vtt, LineEnding::Crlf));
        assert_eq!(decoded.version, None);
        let older = decode(&RenderRequest { version: 2, ..wire.clone() }).unwrap();
        assert_eq!(older.version, Some(2));
        let unspecified = decode(&RenderRequest { line_ending: 0, ..wire }).unwrap();
        assert_eq!(unspecified.line_ending, LineEnding::Lf);
    }

    #[test]
    fn what_is_wrong_with_a_request_is_said_by_field() {
        for (wrong, field) in [
            (RenderRequest { workspace_id: "mine".to_owned(), ..request() }, "workspace_id: `mine` is not an id"),
            (RenderRequest { job_id: String::new(), ..request() }, "job_id: "),
            (RenderRequest { format: 0, ..request() }, "format: "),
            (RenderRequest { format: 99, ..request() }, "format: "),
            (RenderRequest { line_ending: -1, ..request() }, "line_ending: "),
        ] {
            let status = decode(&wrong).unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument);
            assert!(status.message().starts_with(field), "{}", status.message());
        }
    }

    #[test]
    fn an_unknown_job_is_not_found_and_internals_stay_inside() {
        let job = JobId::new();
        let unknown = settle(&RenderError::UnknownJob { job });
        assert_eq!((unknown.code(), unknown.message()), (Code::NotFound, format!("there is no job {job}").as_str()));
        let corrupt = escriba_database::DatabaseError::Corrupt { what: "segment", value: "secret".to_owned() };
        let internal = settle(&RenderError::Database(corrupt));
        assert_eq!(internal.code(), Code::Internal);
        assert!(!internal.message().contains("secret"));
    }
}
