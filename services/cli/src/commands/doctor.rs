//! `escriba doctor`: looks at everything Escriba needs on this machine and says what is missing and how to get it.
//! It only looks: nothing is started, fetched or changed.

mod finding;
mod machine;
mod programs;
mod stack;

use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;
use escriba_domain::ModelName;

use super::server::DataDirArgs;
use finding::{Finding, Verdict};

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    data: DataDirArgs,
    /// The model that is going to be used.
    #[arg(long, env = "WHISPER_MODEL", value_name = "NAME", default_value = "base")]
    model: ModelName,
    /// Where models are kept [default: `models` in the data folder].
    #[arg(long, env = "MODELS_DIR", value_name = "FOLDER")]
    models_dir: Option<PathBuf>,
    /// The nats-server to run [default: the one beside `escriba`, or on the PATH].
    #[arg(long, env = "NATS_SERVER", value_name = "PROGRAM")]
    nats_server: Option<PathBuf>,
    /// Write JSON instead of lines.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: DoctorArgs) -> anyhow::Result<ExitCode> {
    let data = args.data.resolve()?;
    let models_dir = args.models_dir.unwrap_or_else(|| data.models());
    let mut findings = programs::look(args.nats_server.as_deref()).await;
    findings.extend(machine::look(&data, &args.model, &models_dir));
    findings.extend(stack::look(&data).await);

    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &findings).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        print(&mut out, &findings)?;
    }
    let healthy = findings.iter().all(|finding| finding.verdict != Verdict::Problem);
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(out: &mut impl Write, findings: &[Finding]) -> io::Result<()> {
    let coloured = io::stdout().is_terminal();
    for finding in findings {
        writeln!(out, "{} {:<20} {}", finding.verdict.mark(coloured), finding.subject, finding.says)?;
        if let Some(remedy) = &finding.remedy {
            writeln!(out, "{:25}{remedy}", "")?;
        }
    }
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    match (count(Verdict::Problem), count(Verdict::Warning)) {
        (0, 0) => writeln!(out, "\nAll is well."),
        (0, warnings) => writeln!(out, "\nEscriba can run. Warnings: {warnings}."),
        (problems, warnings) => writeln!(out, "\nEscriba cannot run. Problems: {problems}, warnings: {warnings}."),
    }
}
