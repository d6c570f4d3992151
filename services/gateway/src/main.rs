//! The gateway: HTTP for clients, gRPC for transcribers, and the only writer of the database. With a command it does
//! one thing for whoever runs it, and ends.

use std::process::ExitCode;

use escriba_gateway::{
    admin::{self, Invocation},
    config::Config,
    service,
};
use escriba_runtime::{lifecycle, settings, telemetry};

#[tokio::main]
async fn main() -> ExitCode {
    let ended = match settings::parse() {
        Invocation::Serve(config) => serve(*config).await,
        Invocation::Administer(command) => admin::run(command, &mut std::io::stdout()).await,
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("escriba-gateway: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let telemetry = telemetry::init("escriba-gateway", &config.telemetry)?;
    let ended = service::run(config, lifecycle::shutdown_on_signal()).await;
    telemetry.shutdown();
    ended
}
