//! The events of each job as a subscriber gets them: in a legal order, one end for each run, one content for each id,
//! and together the whole transcript.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use escriba_database::{Database, jobs::Job, transcripts};
use escriba_domain::JobState;
use escriba_e2e::nats_wire::Stored;
use escriba_events::JobEvent;
use futures_util::TryStreamExt;

use crate::world::World;

/// Where a job stands after the events so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// What came before is lost.
    Unknown,
    Queued,
    Running,
    Over,
}

/// `begins` is where every job stands before its first kept event.
#[derive(Debug, Clone, Copy)]
pub(super) struct History {
    begins: Stage,
}

impl History {
    pub(super) const WHOLE: Self = Self { begins: Stage::Over };
    /// What was published before some moment is gone.
    pub(super) const LOST: Self = Self { begins: Stage::Unknown };
}

pub(super) async fn check(
    world: &Arc<World>,
    database: &Database,
    found: &BTreeMap<String, Job>,
    history: History,
) -> anyhow::Result<()> {
    let mut wire = world.stack.nats.wire().await;
    for (name, job) in found {
        let stored = wire.events_of(&job.id.to_string()).await;
        let judged = match once_each(&stored) {
            Ok(events) if history.begins == Stage::Unknown => in_order(&events, Stage::Unknown).map(|_| ()),
            Ok(events) => match whole(&events, job) {
                Ok(told) => same(told, database, job).await?,
                Err(what) => Err(what),
            },
            Err(what) => Err(what),
        };
        if let Err(what) = judged {
            let order: Vec<_> = stored.iter().map(|event| &event.subject).collect();
            world.complain(format!("events of {name} ({}): {what}; they are {order:?}", job.id));
        }
    }
    Ok(())
}

/// At least once: a repeat is the same, and means nothing.
fn once_each(stored: &[Stored]) -> Result<Vec<JobEvent>, String> {
    let mut contents: BTreeMap<&str, &Stored> = BTreeMap::new();
    let mut events = Vec::new();
    for event in stored {
        let header = |name: &str| event.headers.get(name).ok_or_else(|| format!("one has no {name}"));
        let id = header("ce-id")?;
        match contents.insert(id, event) {
            Some(earlier) if earlier.payload == event.payload && earlier.subject == event.subject => {}
            Some(_) => return Err(format!("two contents under the id {id}")),
            None => {
                let decoded = JobEvent::decode(header("ce-type")?, &event.payload);
                events.push(decoded.map_err(|error| error.to_string())?);
            }
        }
    }
    Ok(events)
}

/// The stage after all of them.
fn in_order(events: &[JobEvent], begins: Stage) -> Result<Stage, String> {
    events.iter().try_fold(begins, |stage, event| {
        after(stage, event).ok_or_else(|| format!("`{}` comes after {stage:?}", event.name()))
    })
}

/// The stage after an event, if it may come there: a run begins with `queued`, and only `queued` follows its end.
fn after(stage: Stage, event: &JobEvent) -> Option<Stage> {
    use JobEvent::{Canceled, Completed, Deleted, Failed, Queued, SegmentsAdded, Started, TranscriptEdited};
    match (stage, event) {
        (Stage::Over | Stage::Unknown, Queued(_)) => Some(Stage::Queued),
        (Stage::Queued | Stage::Unknown, Started(_)) | (Stage::Running | Stage::Unknown, SegmentsAdded(_)) => {
            Some(Stage::Running)
        }
        (Stage::Running | Stage::Unknown, Completed(_))
        | (Stage::Queued | Stage::Running | Stage::Unknown, Failed(_) | Canceled(_))
        | (Stage::Over | Stage::Unknown, TranscriptEdited(_)) => Some(Stage::Over),
        (
            _,
            Queued(_) | Started(_) | SegmentsAdded(_) | Completed(_) | Failed(_) | Canceled(_) | Deleted(_)
            | TranscriptEdited(_),
        ) => None,
    }
}

/// The places of all segments that were told of, if the last event tells how the job ended.
fn whole(events: &[JobEvent], job: &Job) -> Result<Vec<(u64, u64)>, String> {
    let stage = in_order(events, Stage::Over)?;
    let last = events.last().map(JobEvent::name);
    if job.state.is_terminal() && (stage != Stage::Over || last != Some(job.state.as_str())) {
        return Err(format!("it is {}, and the last one is {last:?}", job.state));
    }
    let mut numbers = BTreeSet::new();
    let mut told = Vec::new();
    for event in events {
        let JobEvent::SegmentsAdded(added) = event else { continue };
        for segment in &added.segments {
            if !numbers.insert((&added.chunk_id, segment.index)) {
                return Err(format!("segment {} of {} is told of twice", segment.index, added.chunk_id));
            }
            told.push((segment.start_ms, segment.end_ms));
        }
    }
    told.sort_unstable();
    Ok(told)
}

/// Whether that is the transcript.
async fn same(told: Vec<(u64, u64)>, database: &Database, job: &Job) -> anyhow::Result<Result<(), String>> {
    if job.state != JobState::Completed {
        return Ok(Ok(()));
    }
    let segments: Vec<_> = transcripts::segments(database, job.id).try_collect().await?;
    let mut kept: Vec<_> = segments.iter().map(|segment| (segment.start_ms, segment.end_ms)).collect();
    kept.sort_unstable();
    let differ = || format!("{} segments were told of, and {} are kept", told.len(), kept.len());
    Ok(if told == kept { Ok(()) } else { Err(differ()) })
}
