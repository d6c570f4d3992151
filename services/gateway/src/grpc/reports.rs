//! `TranscriptionReports`: one stream is one worker's attempt at one chunk.

use std::sync::Arc;

use escriba_proto::v1::{Directive, Report, transcription_reports_server::TranscriptionReports};
use escriba_runtime::trace_context;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

use super::session::Session;
use crate::app::App;

/// A worker that does not read its directives is waited for.
const DIRECTIVES_AHEAD: usize = 8;

#[derive(Debug)]
pub(super) struct Reports {
    app: Arc<App>,
    shutdown: CancellationToken,
}

impl Reports {
    pub(super) const fn new(app: Arc<App>, shutdown: CancellationToken) -> Self {
        Self { app, shutdown }
    }
}

#[tonic::async_trait]
impl TranscriptionReports for Reports {
    type ReportStream = ReceiverStream<Result<Directive, Status>>;

    async fn report(&self, request: Request<Streaming<Report>>) -> Result<Response<Self::ReportStream>, Status> {
        let span = tracing::info_span!("reports.session");
        trace_context::adopt_metadata(&span, request.metadata());
        let (directives, receiver) = mpsc::channel(DIRECTIVES_AHEAD);
        let session = Session::new(self.app.clone(), directives);
        let reports = request.into_inner();
        let shutdown = self.shutdown.clone();
        tokio::spawn(async move { session.run(reports, shutdown).await }.instrument(span));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}
