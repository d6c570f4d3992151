//! A very long recording: sixteen workers share it, and one works alone at a twentieth of it. What the sixteen take
//! beyond recognition is what decoding, cutting and sharing cost, and waiting for each other.

use std::{fs, path::PathBuf};

use escriba_test_support::{repo_root, sample};
use serde_json::Value;

use crate::{
    postgres::Durability,
    report::Report,
    stand::{Stand, Workers},
};

/// Of recognition, in recording a second of work.
const SPEED: u32 = 10;
const SHARED_BY: Workers = Workers { processes: 4, slots: 4, speed: SPEED };
const ALONE: Workers = Workers { processes: 1, slots: 1, speed: SPEED };
/// What one worker hears of the recording.
const FRACTION: u32 = 20;

pub(crate) async fn measure(hours: u32) -> anyhow::Result<Report> {
    let (alone, part) = transcribe(hours * 60 / FRACTION, ALONE).await?;
    let (shared, job) = transcribe(hours * 60, SHARED_BY).await?;
    let whole_alone = alone * recognition(&job) / recognition(&part);
    let workers = f64::from(u32::try_from(SHARED_BY.processes * SHARED_BY.slots)?);
    let chunks = job["chunks"]["total"].as_f64().unwrap_or(1.0);
    let mut report = Report::default();
    let case = format!("{hours} h");
    report.add(format!("{case}: 16 workers"), shared, "s");
    report.add(format!("{case}: 1 worker, from a {FRACTION}th of it"), whole_alone, "s");
    report.add(format!("{case}: speed-up with 16 workers"), whole_alone / shared, "×");
    report.add(format!("{case}: chunks"), chunks, "");
    report.add(format!("{case}: recognition"), recognition(&job) / chunks, "worker-s/chunk");
    let overhead = (shared * workers - recognition(&job)) / chunks;
    report.add(format!("{case}: everything else, waiting included"), overhead, "worker-s/chunk");
    Ok(report)
}

/// Seconds that the engine pretends to have worked on a job.
fn recognition(job: &Value) -> f64 {
    job["statistics"]["speech"].as_f64().unwrap_or_default() / f64::from(SPEED)
}

/// Seconds from start to end, and the job at its end.
async fn transcribe(minutes: u32, workers: Workers) -> anyhow::Result<(f64, Value)> {
    let mut stand = Stand::start(Durability::Memory).await?;
    let recording = recording(&stand, minutes)?;
    stand.staff(workers).await;
    let id = stand.client.submit(&recording, &[]).await;
    stand.completed(1).await?;
    let took = "SELECT extract(epoch FROM finished_at - started_at) FROM jobs";
    Ok((stand.postgres.number(took)?, stand.client.job(&id).await))
}

/// The samples with pauses, over and over. It is made once and kept, because that takes longer than a measurement.
fn recording(stand: &Stand, minutes: u32) -> anyhow::Result<PathBuf> {
    let kept = repo_root().join(format!(".local/bench/talk-{minutes}-minutes.ogg"));
    if kept.is_file() {
        return Ok(kept);
    }
    let round = stand.studio.convert(
        &sample("english.m4a"),
        "-af apad=pad_dur=3 -t 20 -ar 16000 -ac 1 -c:a libopus -b:a 16k",
        "round.ogg",
    );
    let round = round.display();
    let talk = stand.studio.make(&format!("-stream_loop -1 -i {round} -t {} -c copy", minutes * 60), "talk.ogg");
    fs::create_dir_all(kept.parent().expect("it lies in a folder"))?;
    fs::copy(talk, &kept)?;
    Ok(kept)
}
