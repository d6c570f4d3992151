//! The chaos suite: starts a whole Escriba, sends it a mix of recordings, breaks it at random moments that a seed
//! repeats, and looks whether every promise held. `make chaos` builds and runs it; docs/reliability.md explains it.

mod caller;
mod checks;
mod clock;
mod dice;
mod faults;
mod house;
mod layout;
mod ledger;
mod load;
mod nats;
mod postgres;
mod process;
mod proxy;
mod recordings;
mod reference;
mod report;
mod seed;
mod settle;
mod stack;
mod volume;
mod world;

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::ExitCode};

use clap::Parser;
use futures_util::{StreamExt, stream};

use crate::{report::SeedReport, seed::Run};

/// Breaks a whole Escriba at random moments and looks what became of its jobs.
#[derive(Debug, Parser)]
struct Options {
    /// How many seeds, from 1 on.
    #[arg(long, default_value_t = 25)]
    seeds: u64,

    /// This seed alone, to repeat it.
    #[arg(long)]
    seed: Option<u64>,

    /// How many seeds run side by side. Most of their time is waiting.
    #[arg(long, default_value_t = 2)]
    at_once: usize,

    /// Rows of the table of faults to leave out, separated by commas, to find which one a trouble takes.
    #[arg(long, value_delimiter = ',')]
    without: Vec<String>,

    /// Where the summary of the run is written.
    #[arg(long, default_value = "target/chaos.json")]
    summary: PathBuf,
}

/// One thread: the kernel ends our children with the thread that started them.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let place = tempfile::Builder::new().prefix("escriba-chaos.").tempdir_in("/tmp")?;
    // PostgreSQL runs as somebody else.
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755))?;
    let run = match prepare(place.path(), options.without).await {
        Ok(run) => run,
        Err(error) => return Err(error.context(format!("nothing was broken yet; logs: {}", place.keep().display()))),
    };
    let seeds = options.seed.map_or(1..=options.seeds, |seed| seed..=seed);
    let mut ending = stream::iter(seeds).map(|seed| run.seed_in(seed, place.path())).buffer_unordered(options.at_once);
    let mut reports = Vec::new();
    while let Some(report) = ending.next().await {
        let report = report?;
        println!("{report}");
        for trouble in &report.troubles {
            println!("    {trouble}");
        }
        reports.push(report);
        report::write(&options.summary, &mut reports)?;
    }
    drop(ending);
    if reports.iter().all(SeedReport::is_good) {
        return Ok(ExitCode::SUCCESS);
    }
    println!("the logs of bad seeds are in {}", place.keep().display());
    Ok(ExitCode::FAILURE)
}

/// What all seeds share: recordings, and what is heard in them.
async fn prepare(place: &std::path::Path, without: Vec<String>) -> anyhow::Result<Run> {
    let recordings = recordings::make();
    let folder = place.join("reference");
    fs::create_dir(&folder)?;
    let (reference, can_retry) = reference::hear(&folder, &recordings).await?;
    Ok(Run { recordings, reference, can_retry, without })
}
