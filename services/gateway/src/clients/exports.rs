//! The export service, which renders transcripts.

use std::time::Duration;

use bytes::Bytes;
use escriba_domain::{ErrorKind, JobId, WorkspaceId};
use escriba_proto::v1::{self, exports_client::ExportsClient};
use escriba_runtime::trace_context;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use tonic::{
    Code, Request, Status,
    transport::{Channel, Endpoint},
};

/// A channel that connects when it is first used, and again when it broke.
#[derive(Debug, Clone)]
pub(crate) struct Exports {
    client: ExportsClient<Channel>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum RenderError {
    #[error("There is no job {0}.")]
    NotFound(JobId),
    #[error("The export service did not answer: {}", .0.message())]
    Unavailable(Status),
    #[error("the export service failed: {}", .0.message())]
    Failed(Status),
}

impl RenderError {
    pub(crate) const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Unavailable(_) => ErrorKind::Unavailable,
            Self::Failed(_) => ErrorKind::Internal,
        }
    }
}

/// A rendered transcript on its way.
pub(crate) struct Rendered {
    pub(crate) file_name: String,
    pub(crate) bytes: BoxStream<'static, Result<Bytes, std::io::Error>>,
}

impl Exports {
    pub(crate) fn connect_lazily(url: &str) -> anyhow::Result<Self> {
        let channel = Endpoint::from_shared(url.to_owned())
            .map_err(|error| anyhow::anyhow!("EXPORT_URL is not usable: {error}"))?
            .connect_timeout(Duration::from_secs(3))
            .connect_lazy();
        Ok(Self { client: ExportsClient::new(channel) })
    }

    /// Starts rendering. The answer's head is there at once; its bytes stream.
    pub(crate) async fn render(
        &self,
        workspace: WorkspaceId,
        job: JobId,
        format: v1::Format,
        (line_ending, version): (v1::LineEnding, Option<u32>),
    ) -> Result<Rendered, RenderError> {
        let mut request = Request::new(v1::RenderRequest {
            workspace_id: workspace.to_string(),
            job_id: job.to_string(),
            format: format.into(),
            line_ending: line_ending.into(),
            version: version.unwrap_or_default(),
        });
        trace_context::inject(request.metadata_mut());
        let translate = |status: Status| match status.code() {
            Code::NotFound => RenderError::NotFound(job),
            Code::Unavailable | Code::DeadlineExceeded => RenderError::Unavailable(status),
            _ => RenderError::Failed(status),
        };
        let mut parts = self.client.clone().render(request).await.map_err(translate)?.into_inner();
        let first = parts.message().await.map_err(translate)?.unwrap_or_default();
        let head = first.head.ok_or_else(|| RenderError::Failed(Status::internal("the answer has no head")))?;
        let rest = parts.map_ok(|part| Bytes::from(part.data)).map_err(std::io::Error::other);
        let bytes = futures_util::stream::once(async { Ok(Bytes::from(first.data)) }).chain(rest).boxed();
        Ok(Rendered { file_name: head.file_name, bytes })
    }
}
