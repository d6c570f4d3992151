//! A render belongs to the trace of whoever asked for it, as a collector sees it.

use std::time::Duration;

use anyhow::{Context, Result};
use escriba_proto::v1::{Format, RenderRequest, exports_client::ExportsClient};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::Span,
};
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, transport::Server};

use crate::process::{Export, Store, free_address};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

struct Collector(mpsc::UnboundedSender<Span>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans;
        let spans = resources.into_iter().flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans);
        for span in spans {
            let _ = self.0.send(span);
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_render_is_a_child_of_its_caller() -> Result<()> {
    let (spans, mut collected) = mpsc::unbounded_channel();
    let address = free_address()?;
    tokio::spawn(Server::builder().add_service(TraceServiceServer::new(Collector(spans))).serve(address));

    let store = Store::new().await?;
    let (workspace, job) = store.add("talk.mp3", &[]).await?;
    let endpoint = format!("http://{address}");
    let export = Export::start(&store, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]).await?;
    let mut request = Request::new(RenderRequest {
        workspace_id: workspace.to_string(),
        job_id: job.to_string(),
        format: Format::Vtt.into(),
        line_ending: 0,
        version: 0,
    });
    request.metadata_mut().insert("traceparent", PARENT.parse()?);
    let mut parts = ExportsClient::new(export.channel.clone()).render(request).await?.into_inner();
    while parts.message().await?.is_some() {}
    export.stop().await?;

    let span = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            let span = collected.recv().await?;
            if span.name == "render" {
                return Some(span);
            }
        }
    });
    let span = span.await?.context("the collector went away")?;
    assert_eq!(span.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes());
    assert_eq!(span.parent_span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
    Ok(())
}
