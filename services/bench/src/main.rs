//! Measures the machinery around recognition: how fast jobs are taken in, how soon workers hear of them, how well they
//! share the work, and what a queue of very many costs. It runs the built programs as they are and judges nothing: a
//! figure stands beside its aim, and a missed aim is no failure of the run.

mod fill;
mod load;
mod measurements;
mod postgres;
mod report;
mod stand;
mod usage;

use clap::{Parser, ValueEnum};

use crate::{
    measurements::{intake, listing, long_recording, queue, reaction, search, workers},
    postgres::Durability,
    report::Report,
};

/// Measures the machinery around recognition. `dev/bench-scale` builds and runs it.
#[derive(Debug, Parser)]
struct Options {
    /// What to measure. Left out: everything.
    measurements: Vec<Measurement>,

    /// How long small jobs are sent, in seconds.
    #[arg(long, default_value_t = 20)]
    seconds: u64,

    /// Jobs in a queue of very many.
    #[arg(long, default_value_t = 100_000)]
    queued: u64,

    /// Jobs in a list of very many.
    #[arg(long, default_value_t = 1_000_000)]
    listed: u64,

    /// Jobs that are searched.
    #[arg(long, default_value_t = 1_000_000)]
    searched: u64,

    /// Hours of sound in the long recording.
    #[arg(long, default_value_t = 10)]
    hours: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measurement {
    /// Small jobs a second.
    Intake,
    /// The same, with a database that waits for the disk.
    DurableIntake,
    /// The same, into a queue of very many.
    DeepIntake,
    /// From acceptance to an idle worker.
    Reaction,
    /// Speed-up with workers.
    Workers,
    /// A very long recording, shared.
    LongRecording,
    /// Claims and looks at a queue of very many.
    Queue,
    /// Pages of a list of very many.
    Listing,
    /// Filters, orders and searches over very many transcripts.
    Search,
}

/// One thread: the kernel ends our children with the thread that started them.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let asked: &[Measurement] =
        if options.measurements.is_empty() { Measurement::value_variants() } else { &options.measurements };
    println!("{}", Report::HEAD);
    let mut reports = Vec::new();
    for measurement in asked {
        let report = options.measure(*measurement).await?;
        print!("{report}");
        reports.push(report);
    }
    println!("{}", report::json(&reports));
    Ok(())
}

impl Options {
    async fn measure(&self, measurement: Measurement) -> anyhow::Result<Report> {
        match measurement {
            Measurement::Intake => intake::measure(Durability::Memory, 0, self.seconds).await,
            Measurement::DurableIntake => intake::measure(Durability::Disk, 0, self.seconds).await,
            Measurement::DeepIntake => intake::measure(Durability::Memory, self.queued, self.seconds).await,
            Measurement::Reaction => reaction::measure().await,
            Measurement::Workers => workers::measure().await,
            Measurement::LongRecording => long_recording::measure(self.hours).await,
            Measurement::Queue => queue::measure(self.queued, self.seconds).await,
            Measurement::Listing => listing::measure(self.listed).await,
            Measurement::Search => search::measure(self.searched).await,
        }
    }
}
