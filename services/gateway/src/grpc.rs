//! The gRPC port, for transcribers inside the installation.

mod directives;
mod reports;
mod session;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use escriba_proto::{DESCRIPTORS, v1::transcription_reports_server::TranscriptionReportsServer};
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

use crate::app::App;

/// A window's segments with their words stay far below this, and the event that tells of them fits on its stream.
const MAX_REPORT_BYTES: usize = 512 << 10;

pub(crate) async fn serve(addr: SocketAddr, app: Arc<App>, shutdown: CancellationToken) -> anyhow::Result<()> {
    let (health, health_service) = tonic_health::server::health_reporter();
    let reports = TranscriptionReportsServer::new(reports::Reports::new(app, shutdown.clone()))
        .max_decoding_message_size(MAX_REPORT_BYTES);
    health.set_serving::<TranscriptionReportsServer<reports::Reports>>().await;
    let reflection =
        tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(DESCRIPTORS).build_v1()?;
    tracing::info!(%addr, "taking reports");
    Server::builder()
        .http2_keepalive_interval(Some(Duration::from_secs(10)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .add_service(health_service)
        .add_service(reflection)
        .add_service(reports)
        .serve_with_shutdown(addr, shutdown.cancelled_owned())
        .await
        .with_context(|| format!("gRPC cannot be served on {addr} (GATEWAY_GRPC_ADDR)"))
}
