//! The composition root: the only place where this service's pieces are made, joined and started.

use std::time::Duration;

use anyhow::Context;
use escriba_database::Database;
use escriba_domain::ErrorKind;
use escriba_proto::v1::exports_server::ExportsServer;
use escriba_runtime::health::{self, Health};
use tokio::{net::TcpListener, time};
use tokio_util::sync::CancellationToken;
use tonic::{
    service::Routes,
    transport::{Server, server::TcpIncoming},
};

use crate::{config::Config, grpc::exports::Exports};

/// How long renders in progress may go on after the process was told to stop.
const DRAIN: Duration = Duration::from_secs(15);
/// A reader that vanished without a word is noticed this soon.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// The gateway makes the database, and may do so after this service has started.
const RECONNECT: Duration = Duration::from_secs(1);

/// Serves until `shutdown` is cancelled and renders in progress have ended.
pub(crate) async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    let Some(database) = connect(&config.database_url, &shutdown).await? else {
        return Ok(());
    };
    let failed = shutdown.clone();
    let grpc = serve_grpc(&config, database.clone(), shutdown.clone());
    let internal = health::serve(config.export_internal_addr, readiness(database), shutdown);
    // Either one failing ends the other, which would otherwise serve half a service.
    let stop_both = |ended: anyhow::Result<()>| {
        failed.cancel();
        ended
    };
    let (grpc, internal) = tokio::join!(async { stop_both(grpc.await) }, async { stop_both(internal.await) });
    grpc.and(internal)
}

/// `None` if told to stop before the database was there.
async fn connect(url: &str, shutdown: &CancellationToken) -> anyhow::Result<Option<Database>> {
    loop {
        match Database::connect_read_only(url).await {
            Ok(database) => return Ok(Some(database)),
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                tracing::warn!(%error, "waiting for the database");
            }
            Err(error) => return Err(error).context("cannot open the database (setting DATABASE_URL)"),
        }
        if shutdown.run_until_cancelled(time::sleep(RECONNECT)).await.is_none() {
            return Ok(None);
        }
    }
}

fn readiness(database: Database) -> Health {
    Health::new().with("database", move || {
        let database = database.clone();
        async move { database.ping().await.map_err(|error| error.to_string()) }
    })
}

async fn serve_grpc(config: &Config, database: Database, shutdown: CancellationToken) -> anyhow::Result<()> {
    let addr = config.export_grpc_addr;
    let listener = TcpListener::bind(addr)
        .await
        .with_context(|| format!("cannot listen on {addr} for gRPC (setting EXPORT_GRPC_ADDR)"))?;
    tracing::info!(%addr, "serving renders");
    let server = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .add_routes(routes(database).await?)
        .serve_with_incoming_shutdown(TcpIncoming::from(listener), shutdown.clone().cancelled_owned());
    let too_late = async {
        shutdown.cancelled().await;
        time::sleep(DRAIN).await;
    };
    tokio::select! {
        ended = server => ended.context("the gRPC port failed"),
        () = too_late => {
            tracing::warn!("renders in progress were cut off");
            Ok(())
        }
    }
}

/// The service itself, with the standard health and reflection services beside it.
async fn routes(database: Database) -> anyhow::Result<Routes> {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<ExportsServer<Exports>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(escriba_proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .context("the contract's descriptors are malformed")?;
    Ok(Routes::new(ExportsServer::new(Exports::new(database))).add_service(health).add_service(reflection))
}
