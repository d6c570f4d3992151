//! The gateway: HTTP for clients, gRPC for transcribers, and the only writer of the database.

use std::process::ExitCode;

use escriba_gateway::{config::Config, service};
use escriba_runtime::{lifecycle, settings, telemetry};

#[tokio::main]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("escriba-gateway: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> anyhow::Result<()> {
    let config: Config = settings::parse();
    let telemetry = telemetry::init("escriba-gateway", &config.telemetry)?;
    let ended = service::run(config, lifecycle::shutdown_on_signal()).await;
    telemetry.shutdown();
    ended
}
