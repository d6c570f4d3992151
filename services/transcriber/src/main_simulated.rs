//! The transcriber with an engine that only pretends to recognise: a binary for tests of everything around the engine,
//! which is built for them alone and never shipped.

use std::process::ExitCode;

use clap::Parser;
use escriba_runtime::{lifecycle, settings, telemetry};
use escriba_transcriber::{
    config::Config,
    media::decode_child,
    service,
    speech::simulated::{self, Simulation},
};

/// The transcriber's settings, and how to pretend.
#[derive(Debug, Parser)]
#[command(name = "escriba-transcriber-simulated", version)]
struct Simulated {
    #[command(flatten)]
    config: Config,
    #[command(flatten)]
    simulation: Simulation,
}

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == "decode") {
        return decode_child::main();
    }
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("escriba-transcriber-simulated: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn serve() -> anyhow::Result<()> {
    let Simulated { config, simulation } = settings::parse();
    let telemetry = telemetry::init("escriba-transcriber", &config.telemetry)?;
    let models = simulated::models(&config.models(), simulation, config.slots())?;
    let ended = service::run_with(models, config, lifecycle::shutdown_on_signal()).await;
    telemetry.shutdown();
    ended
}
