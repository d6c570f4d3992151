//! Each job against what its client was told: one legal end, and the transcript that is heard when nothing is broken.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

use escriba_database::{Database, jobs::Job, transcripts};
use escriba_domain::{FailureCode, JobState, MAX_ATTEMPTS, Segment};
use futures_util::TryStreamExt;

use super::Tally;
use crate::{
    caller::Answer,
    ledger::{Cancel, Entry, Outcome},
    recordings::Kind,
    world::World,
};

pub(super) async fn check(
    world: &Arc<World>,
    database: &Database,
    found: &BTreeMap<String, Job>,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let entries = world.ledger.entries();
    for name in found.keys() {
        if !entries.iter().any(|entry| entry.file_name == *name) {
            world.complain(format!("{name} is a job that nobody sent"));
        }
    }
    for entry in entries {
        let job = found.get(&entry.file_name);
        count(&entry, job, tally);
        match (&entry.outcome, job) {
            (Outcome::Accepted(id), None) => world.complain(format!("lost: {} was accepted as {id}", entry.file_name)),
            (Outcome::Accepted(id), Some(job)) if job.id != *id => {
                world.complain(format!("{} was accepted as {id}, and is {}", entry.file_name, job.id));
            }
            (Outcome::Unfinished, Some(job)) => world.complain(format!("half a recording became the job {}", job.id)),
            (_, Some(job)) => {
                judge(world, &entry, job, tally);
                transcript(world, database, &entry, job).await?;
            }
            (_, None) => {}
        }
    }
    Ok(())
}

fn count(entry: &Entry, job: Option<&Job>, tally: &mut Tally) {
    match entry.outcome {
        Outcome::Accepted(_) => tally.accepted += 1,
        Outcome::Unknown | Outcome::Refused(_) | Outcome::Unfinished => {
            tally.unanswered += 1;
            let status = if let Outcome::Refused(status) = entry.outcome { status } else { 0 };
            *tally.refusals.entry(status).or_default() += 1;
            tally.unannounced += u32::from(job.is_some());
        }
    }
    match job.map(|job| job.state) {
        Some(JobState::Completed) => tally.completed += 1,
        Some(JobState::Failed) => tally.failed += 1,
        Some(JobState::Canceled) => tally.canceled += 1,
        Some(JobState::Queued | JobState::Running) | None => {}
    }
}

/// Whether the job may have ended so.
fn judge(world: &World, entry: &Entry, job: &Job, tally: &mut Tally) {
    let kind = world.recordings[entry.recording].kind;
    let code = job.failure.as_ref().map(|failure| failure.code.as_str());
    let expected = match (job.state, kind) {
        // Whoever waited for it has complained.
        (JobState::Queued | JobState::Running, _) => true,
        (JobState::Canceled, _) => entry.cancel != Cancel::Never,
        _ if entry.cancel == Cancel::Surely => false,
        (JobState::Completed, Kind::Short | Kind::Long) => true,
        (JobState::Failed, Kind::Broken(expected)) => code == Some(expected.as_str()),
        (JobState::Failed, Kind::Poison) => code == Some(FailureCode::WorkerCrashed.as_str()),
        // Somebody whose worker is taken away so often is given up, as is promised.
        (JobState::Failed, Kind::Short | Kind::Long) => {
            tally.given_up += 1;
            let enough = world.lost_leases.load(Ordering::Relaxed) >= MAX_ATTEMPTS;
            code == Some(FailureCode::WorkerCrashed.as_str()) && enough
        }
        (JobState::Completed, Kind::Broken(_) | Kind::Poison) => false,
    };
    if !expected {
        let (name, id, state) = (&entry.file_name, job.id, job.state);
        world.complain(format!("{name} ({id}) ended {state} {}; {entry:?}", code.unwrap_or_default()));
    }
}

/// Each chunk's segments are numbered without a gap, nothing overlaps, and all of it is what is heard in peace.
async fn transcript(world: &World, database: &Database, entry: &Entry, job: &Job) -> anyhow::Result<()> {
    let Some(reference) = &world.reference[entry.recording] else { return Ok(()) };
    let segments: Vec<Segment> = transcripts::segments(database, job.id).try_collect().await?;
    let complain = |what: &str| world.complain(format!("{} ({}): {what}", entry.file_name, job.id));
    let mut next = 0;
    for segment in &segments {
        if segment.index != next && segment.index != 0 {
            complain(&format!("segment {} comes where {next} is expected", segment.index));
        }
        next = segment.index + 1;
    }
    if let Some(pair) = segments.windows(2).find(|pair| pair[0].end_ms > pair[1].start_ms) {
        complain(&format!("{} overlaps {}", pair[0].end_ms, pair[1].start_ms));
    }
    if let Some(wrong) = segments.iter().find(|segment| !reference.contains(segment)) {
        complain(&format!("nobody says this: {wrong:?}"));
    }
    if job.state != JobState::Completed {
        return Ok(());
    }
    if segments != *reference {
        complain(&format!("{} segments where {} are said", segments.len(), reference.len()));
    }
    let rendered = world.stack.callers[entry.workspace].transcript(0, job.id).await;
    let served = match &rendered {
        Answer::Said { status: 200, body } => body["segments"].as_array().map(Vec::len),
        _ => None,
    };
    if served != Some(reference.len()) {
        complain(&format!("its transcript is not served: {rendered:?}"));
    }
    Ok(())
}
