//! The transcriber's binary: either the service, or one decoding child of it.

use std::process::ExitCode;

use escriba_runtime::{lifecycle, settings, telemetry};
use escriba_transcriber::{config::Config, media::decode_child, openmp, service};

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == "decode") {
        return decode_child::main();
    }
    match openmp::spin_briefly().map_err(Into::into).and_then(|()| serve()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("escriba-transcriber: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn serve() -> anyhow::Result<()> {
    let config: Config = settings::parse();
    let telemetry = telemetry::init("escriba-transcriber", &config.telemetry)?;
    let ended = service::run(config, lifecycle::shutdown_on_signal()).await;
    telemetry.shutdown();
    ended
}
