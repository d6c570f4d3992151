//! What waits, who works, and when a job's turn comes: estimated from what is queued and from the speed that workers
//! measure of themselves, never promised.

mod estimate;
mod places;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use escriba_database::{
    DatabaseError,
    jobs::{self, Job},
    queues::{self, QueueDepth},
};
use escriba_domain::{JobState, Lane, ModelName, WorkspaceId};
use escriba_events::v1::WorkerStatus;
use tokio::sync::Mutex;

use super::App;
use estimate::{Capacity, Waiting};
pub use places::places_of_workspace;

/// Many may ask about a queue of many; so much old is new enough for all of them…
const FRESH: Duration = Duration::from_millis(500);
/// …and more than a look at a very long queue takes, so many times over: looking is not what the database is for.
const FRESH_FOR_LOOKS: u32 = 20;
/// What a recording counts while nobody knows how long recordings are here.
const USUAL_LENGTH_MS: u64 = 60_000;

/// The latest look at the depths of all queues.
#[derive(Debug, Default)]
pub struct Depths(Mutex<Option<Look>>);

#[derive(Debug)]
struct Look {
    depths: Arc<Vec<QueueDepth>>,
    fresh_until: Instant,
}

impl Depths {
    async fn look(&self, app: &App) -> Result<Arc<Vec<QueueDepth>>, DatabaseError> {
        let mut seen = self.0.lock().await;
        if let Some(look) = &*seen
            && Instant::now() < look.fresh_until
        {
            return Ok(look.depths.clone());
        }
        let asked = Instant::now();
        let depths = Arc::new(queues::depths(&app.db).await?);
        let fresh_until = Instant::now() + FRESH.max(asked.elapsed() * FRESH_FOR_LOOKS);
        *seen = Some(Look { depths: depths.clone(), fresh_until });
        Ok(depths)
    }
}

/// Where a waiting job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// 1 is next.
    pub position: u64,
    /// `None` while no worker is there whose speed is known.
    pub time_to_completion_ms: Option<u64>,
}

/// All queues and everybody who works on them.
#[derive(Debug)]
pub struct QueueView {
    pub lanes: Vec<LaneView>,
    pub workers: Vec<WorkerStatus>,
}

/// One lane of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneView {
    pub lane: Lane,
    pub model: ModelName,
    pub waiting: u64,
    pub running: u64,
    /// Of these, the caller's own.
    pub own_waiting: u64,
    pub own_running: u64,
    /// When all of it is done, and of the same model what goes before it.
    pub time_to_completion_ms: Option<u64>,
}

pub async fn look_at_queue(app: &App, workspace: WorkspaceId) -> Result<QueueView, DatabaseError> {
    let depths = app.depths.look(app).await?;
    let workers = app.workers.alive();
    let length_ms = usual_length(app, workspace).await?;
    let mut lanes: Vec<LaneView> = Vec::new();
    for depth in depths.iter() {
        let same = |lane: &LaneView| lane.lane == depth.lane && lane.model == depth.model;
        let at = lanes.iter().position(same).unwrap_or_else(|| {
            lanes.push(LaneView {
                lane: depth.lane,
                model: depth.model.clone(),
                waiting: 0,
                running: 0,
                own_waiting: 0,
                own_running: 0,
                time_to_completion_ms: None,
            });
            lanes.len() - 1
        });
        let lane = &mut lanes[at];
        lane.waiting += depth.waiting;
        lane.running += depth.running;
        if depth.workspace == workspace {
            lane.own_waiting += depth.waiting;
            lane.own_running += depth.running;
        }
    }
    for lane in &mut lanes {
        let before = depths.iter().filter(|depth| depth.model == lane.model && is_served_by(depth.lane, lane.lane));
        let work_ms = before.map(|depth| Waiting::of(depth).work_ms(length_ms)).sum();
        lane.time_to_completion_ms = Capacity::for_model(&workers, &lane.model).time_for(work_ms);
    }
    lanes.sort_by_key(|lane| (lane.lane == Lane::Batch, lane.model.to_string()));
    Ok(QueueView { lanes, workers })
}

/// Where the job stands; `None` unless it waits.
pub async fn place_of(app: &App, job: &Job) -> Result<Option<Place>, DatabaseError> {
    if job.state != JobState::Queued {
        return Ok(None);
    }
    let (lane, model) = (job.options.lane, &job.options.model);
    let rank = queues::rank(&app.db, job.workspace, (lane, model), job.id).await?;
    let own = Waiting { chunks: rank.before, known_ms: rank.known_ms, unknown: rank.unknown };
    let depths = app.depths.look(app).await?;
    let of_model: Vec<&QueueDepth> = depths.iter().filter(|depth| &depth.model == model).collect();
    let before = estimate::before(&of_model, (lane, job.workspace), own);
    let length_ms = usual_length(app, job.workspace).await?;
    let work_ms = before.work_ms(length_ms) + job.audio_ms.unwrap_or(length_ms);
    let capacity = Capacity::for_model(&app.workers.alive(), model);
    Ok(Some(Place { position: before.chunks + 1, time_to_completion_ms: capacity.time_for(work_ms) }))
}

/// Whether work of this lane goes before the end of that one.
const fn is_served_by(lane: Lane, until: Lane) -> bool {
    matches!((lane, until), (Lane::Interactive, _) | (Lane::Batch, Lane::Batch))
}

/// How long the workspace's recordings usually are.
async fn usual_length(app: &App, workspace: WorkspaceId) -> Result<u64, DatabaseError> {
    Ok(jobs::usual_length(&app.db, workspace).await?.unwrap_or(USUAL_LENGTH_MS))
}
