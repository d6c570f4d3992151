//! `escriba jobs`: looking at a server's jobs, ending them and running them again. One request or two a command; the
//! work is the server's.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use escriba_domain::{JobId, JobState};

use super::server::ServerArgs;
use crate::{
    api::jobs::{Chunks, Format, Job, Wanted},
    transcription::{length, roughly, waiting},
};

#[derive(Debug, Args)]
pub(crate) struct JobsArgs {
    #[command(subcommand)]
    command: JobsCommand,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum JobsCommand {
    /// Show the newest jobs.
    List(ListArgs),
    /// Show all there is to know about a job.
    Show(ShowArgs),
    /// Stop a job that is not finished.
    Cancel { id: JobId },
    /// Run a failed or canceled job again; what is transcribed is kept.
    Retry { id: JobId },
    /// Remove a job, its recording and its transcript.
    Delete { id: JobId },
    /// Print a job's transcript.
    Transcript(TranscriptArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only jobs in this state: queued, running, completed, failed or canceled.
    #[arg(long)]
    state: Option<JobState>,
    /// Only jobs with this tag; may be repeated, for jobs with all of them.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Only jobs with these words in title, file name or transcript; "a phrase", begin*.
    #[arg(long, value_name = "WORDS")]
    search: Option<String>,
    /// How many jobs at most.
    #[arg(long, default_value_t = 20, value_name = "NUMBER")]
    limit: usize,
    /// Write JSON instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ShowArgs {
    id: JobId,
    /// Write JSON, with everything the server says.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct TranscriptArgs {
    id: JobId,
    #[arg(long, value_enum, default_value_t = Format::Srt)]
    format: Format,
}

pub(crate) async fn run(args: JobsArgs) -> anyhow::Result<ExitCode> {
    let client = args.server.client()?;
    let mut out = io::stdout().lock();
    match args.command {
        JobsCommand::List(list) => {
            let ListArgs { state, tags, search, limit, json } = list;
            let jobs = client.jobs(&Wanted { state, tags, search }, limit).await?;
            if json { print_json(&mut out, &jobs)? } else { print_table(&mut out, &jobs)? }
        }
        JobsCommand::Show(show) => {
            let job = client.job(show.id).await?;
            if show.json { print_json(&mut out, &job)? } else { print_job(&mut out, &job)? }
        }
        JobsCommand::Cancel { id } => {
            client.cancel(id).await?;
            eprintln!("Job {id} will be canceled.");
        }
        JobsCommand::Retry { id } => {
            let job = client.retry(id).await?;
            eprintln!("Job {id} is {} again.", job.state);
        }
        JobsCommand::Delete { id } => {
            client.delete(id).await?;
            eprintln!("Job {id} was deleted.");
        }
        JobsCommand::Transcript(wanted) => out.write_all(&client.transcript(wanted.id, wanted.format).await?)?,
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn print_json(out: &mut impl Write, value: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

fn print_table(out: &mut impl Write, jobs: &[Job]) -> io::Result<()> {
    writeln!(out, "{:<36}  {:<11}  {:<19}  {:>12}  {:>7}  FILE", "ID", "STATE", "CREATED (UTC)", "LENGTH", "SPEED")?;
    for job in jobs {
        let state = state(job);
        let created = job.created_at.as_deref().map_or_else(|| "-".to_owned(), moment);
        let duration = job.duration.map_or_else(|| "-".to_owned(), length);
        let speed = job.speed().map_or_else(|| "-".to_owned(), |speed| format!("{speed:.1}×"));
        let file = job.file_name.as_deref().unwrap_or("-");
        writeln!(out, "{:<36}  {state:<11}  {created:<19}  {duration:>12}  {speed:>7}  {file}", job.id.to_string())?;
    }
    Ok(())
}

fn print_job(out: &mut impl Write, job: &Job) -> io::Result<()> {
    let rows = [
        ("Job", Some(job.id.to_string())),
        ("File", job.file_name.clone()),
        ("State", Some(state(job))),
        ("Queue", job.queue.map(waiting)),
        ("Chunks", job.chunks.map(counted)),
        ("Error", job.error.as_ref().map(|error| format!("{} ({})", error.message, error.code))),
        ("Length", job.duration.map(length)),
        ("Done", job.progress.map(|progress| length(progress.processed))),
        ("Left", job.progress.and_then(|progress| progress.time_left).map(roughly)),
        ("Took", job.processing_time.map(length)),
        ("Speed", job.speed().map(|speed| format!("{speed:.1}×"))),
        ("Language", job.language.clone()),
        ("Created", job.created_at.as_deref().map(moment)),
        ("Started", job.started_at.as_deref().map(moment)),
        ("Finished", job.finished_at.as_deref().map(moment)),
    ];
    for (name, value) in rows {
        if let Some(value) = value {
            writeln!(out, "{name:<9} {value}")?;
        }
    }
    for warning in &job.warnings {
        writeln!(out, "{:<9} {} ({})", "Warning", warning.message, warning.code)?;
    }
    Ok(())
}

/// `24: 12 waiting, 3 running, 9 completed`.
fn counted(chunks: Chunks) -> String {
    let Chunks { total, waiting, running, completed } = chunks;
    format!("{total}: {waiting} waiting, {running} running, {completed} completed")
}

/// `running 42%` while it is under way.
fn state(job: &Job) -> String {
    let ratio = job.progress.and_then(|progress| progress.ratio).filter(|_| job.state == JobState::Running);
    ratio.map_or_else(|| job.state.to_string(), |ratio| format!("{} {:.0}%", job.state, (ratio * 100.0).floor()))
}

/// An RFC 3339 time, which the API gives in UTC, to the second.
pub(super) fn moment(text: &str) -> String {
    text.chars().take("2026-01-31T12:00:00".len()).collect::<String>().replacen('T', " ", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(text: &str) -> Job {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_job_is_one_line_of_the_table() {
        let running = job(r#"{"id":"019a9a3e-7c1b-7d52-8f64-0a5b1c2d3e4f","state":"running","file_name":"talk.mp3",
            "created_at":"2026-01-31T12:00:00.123Z","duration":80.0,"progress":{"processed":33.6,"ratio":0.429}}"#);
        let mut out = Vec::new();
        print_table(&mut out, &[running]).unwrap();
        let line = String::from_utf8(out).unwrap().lines().nth(1).unwrap().to_owned();
        let fields: Vec<_> = line.split("  ").map(str::trim).filter(|field| !field.is_empty()).collect();
        let id = "019a9a3e-7c1b-7d52-8f64-0a5b1c2d3e4f";
        assert_eq!(fields, [id, "running 42%", "2026-01-31 12:00:00", "1 min 20 s", "-", "talk.mp3"]);
    }

    #[test]
    fn a_waiting_job_says_when_its_turn_comes() {
        let queued = job(r#"{"id":"019a9a3e-7c1b-7d52-8f64-0a5b1c2d3e4f","state":"queued",
            "queue":{"position":3,"time_to_completion":41.0},
            "chunks":{"total":5,"waiting":3,"running":0,"completed":2}}"#);
        let mut out = Vec::new();
        print_job(&mut out, &queued).unwrap();
        let shown = String::from_utf8(out).unwrap();
        assert!(shown.contains("Queue     waiting, place 3 (about 40 s)\n"), "{shown}");
        assert!(shown.contains("Chunks    5: 3 waiting, 0 running, 2 completed\n"), "{shown}");
    }

    #[test]
    fn a_failed_job_says_why() {
        let failed = job(r#"{"id":"019a9a3e-7c1b-7d52-8f64-0a5b1c2d3e4f","state":"failed",
            "error":{"code":"no_audio","message":"It has no sound."}}"#);
        let mut out = Vec::new();
        print_job(&mut out, &failed).unwrap();
        assert!(String::from_utf8(out).unwrap().contains("Error     It has no sound. (no_audio)\n"));
    }
}
