//! `escriba queue`: what waits at a server and who works there, as two tables or as JSON. The times are the server's
//! estimates.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Args;

use super::{
    jobs::{moment, print_json},
    server::ServerArgs,
};
use crate::{
    api::queue::{Lane, Queue, Worker},
    transcription::roughly,
};

#[derive(Debug, Args)]
pub(crate) struct QueueArgs {
    /// Write JSON, with everything the server says.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) async fn run(args: QueueArgs) -> anyhow::Result<ExitCode> {
    let queue = args.server.client()?.queue().await?;
    let mut out = io::stdout().lock();
    if args.json {
        print_json(&mut out, &queue)?;
    } else {
        print_queue(&mut out, &queue)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn print_queue(out: &mut impl Write, queue: &Queue) -> io::Result<()> {
    if queue.lanes.is_empty() {
        writeln!(out, "Nothing waits.")?;
    } else {
        print_lanes(out, &queue.lanes)?;
    }
    writeln!(out)?;
    if queue.workers.is_empty() {
        writeln!(out, "No transcriber is there.")
    } else {
        print_workers(out, &queue.workers)
    }
}

/// Numbers with ours of them: `14 (3)`.
fn print_lanes(out: &mut impl Write, lanes: &[Lane]) -> io::Result<()> {
    writeln!(out, "{:<11}  {:<14}  {:>14}  {:>14}  DONE IN", "LANE", "MODEL", "WAITING (OWN)", "RUNNING (OWN)")?;
    for lane in lanes {
        let waiting = format!("{} ({})", lane.waiting, lane.own_waiting);
        let running = format!("{} ({})", lane.running, lane.own_running);
        let time = lane.time_to_completion.map_or_else(|| "-".to_owned(), roughly);
        writeln!(out, "{:<11}  {:<14}  {waiting:>14}  {running:>14}  {time}", lane.name, lane.model)?;
    }
    Ok(())
}

fn print_workers(out: &mut impl Write, workers: &[Worker]) -> io::Result<()> {
    let width = workers.iter().map(|worker| worker.id.chars().count()).max().unwrap_or_default().max("WORKER".len());
    writeln!(out, "{:<width$}  {:>7}  {:<8}  {:<19}  MODELS", "WORKER", "BUSY", "VERSION", "SINCE (UTC)")?;
    for worker in workers {
        let busy = format!("{} of {}", worker.busy, worker.slots);
        let since = worker.started_at.as_deref().map_or_else(|| "-".to_owned(), moment);
        let models: Vec<_> = worker.models.iter().map(|model| with_speed(worker, model)).collect();
        let (id, version, models) = (&worker.id, &worker.version, models.join(", "));
        writeln!(out, "{id:<width$}  {busy:>7}  {version:<8}  {since:<19}  {models}")?;
    }
    Ok(())
}

/// `base 8.7×`, once that was measured.
fn with_speed(worker: &Worker, model: &str) -> String {
    worker.speed(model).map_or_else(|| model.to_owned(), |speed| format!("{model} {speed:.1}×"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut out = Vec::new();
        print_queue(&mut out, &serde_json::from_str(text).unwrap()).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn fields(line: &str) -> Vec<&str> {
        line.split("  ").map(str::trim).filter(|field| !field.is_empty()).collect()
    }

    #[test]
    fn lanes_and_workers_are_a_line_each() {
        let shown = shown(
            r#"{"lanes":[{"lane":"batch","model":"base","waiting":14,"running":2,"own_waiting":3,"own_running":1,
                "time_to_completion":96.5}],
                "workers":[{"id":"studio-4711","version":"0.1.0","models":["base","small"],"slots":2,"busy":1,
                "started_at":"2026-01-31T12:00:00.123Z","speeds":[{"model":"base","speed":8.74}]}]}"#,
        );
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(fields(lines[1]), ["batch", "base", "14 (3)", "2 (1)", "about 2 min"]);
        let worker = ["studio-4711", "1 of 2", "0.1.0", "2026-01-31 12:00:00", "base 8.7×, small"];
        assert_eq!(fields(lines[4]), worker);
    }

    #[test]
    fn an_empty_house_says_so() {
        assert_eq!(shown(r#"{"lanes":[],"workers":[]}"#), "Nothing waits.\n\nNo transcriber is there.\n");
    }

    #[test]
    fn json_keeps_what_this_version_does_not_know() {
        let queue: Queue =
            serde_json::from_str(r#"{"lanes":[],"workers":[{"id":"a","gpu":"yes"}],"weather":"fine"}"#).unwrap();
        let again = serde_json::to_value(&queue).unwrap();
        assert_eq!((&again["weather"], &again["workers"][0]["gpu"]), (&"fine".into(), &"yes".into()));
    }
}
