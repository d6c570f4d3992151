//! The gateway: HTTP for clients, gRPC for transcribers, and the only writer of the database.

use escriba_gateway::{config::Config, service};
use escriba_runtime::{lifecycle, settings, telemetry};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config: Config = settings::parse();
    let telemetry = telemetry::init("escriba-gateway", &config.telemetry)?;
    let ended = service::run(config, lifecycle::shutdown_on_signal()).await;
    if let Err(error) = &ended {
        tracing::error!("the gateway stops: {error:#}");
    }
    telemetry.shutdown();
    if ended.is_err() {
        std::process::exit(1);
    }
    Ok(())
}
