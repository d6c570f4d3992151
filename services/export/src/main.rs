//! The export service's process: settings, telemetry, run, flush, exit code. Everything else is in `service`.

mod app;
mod config;
mod formats;
mod grpc;
mod service;

use std::process::ExitCode;

use config::Config;
use escriba_runtime::{lifecycle, settings, telemetry};

#[tokio::main]
async fn main() -> ExitCode {
    let config: Config = settings::parse();
    match run(config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("escriba-export: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(config: Config) -> anyhow::Result<()> {
    let telemetry = telemetry::init("escriba-export", &config.telemetry)?;
    let ended = service::run(config, lifecycle::shutdown_on_signal()).await;
    telemetry.shutdown();
    ended
}
