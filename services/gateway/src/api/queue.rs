//! `/v1/queue`: what waits and who works.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use escriba_events::v1::WorkerStatus;
use poem_openapi::{ApiResponse, Object, OpenApi, payload::Json, types::Example};

use super::{
    authentication::{ApiKey, Read},
    document::Group,
    job_view::seconds,
    problem::{Failure, failure},
};
use crate::app::{
    App,
    look_at_queue::{self, LaneView, look_at_queue},
};

pub struct QueueApi {
    pub(super) app: Arc<App>,
}

/// What waits and who works.
#[derive(Debug, Object)]
#[oai(example)]
struct Queue {
    /// The queues in which something waits or runs, interactive ones first.
    lanes: Vec<QueueLane>,
    /// The workers that are there.
    workers: Vec<Worker>,
}

/// One lane of one model.
#[derive(Debug, Object)]
struct QueueLane {
    /// `interactive` or `batch`.
    lane: String,
    model: String,
    /// Chunks of all workspaces that wait.
    waiting: u64,
    /// Chunks of all workspaces that workers are at.
    running: u64,
    /// How many of the waiting chunks are this workspace's.
    own_waiting: u64,
    /// How many of the running chunks are this workspace's.
    own_running: u64,
    /// About how many seconds until nothing waits here any more, at the speed measured of the workers that are there;
    /// null while none is there or nothing was measured.
    time_to_completion: Option<f64>,
}

/// A transcriber that said in the last seconds that it is there.
#[derive(Debug, Object)]
#[oai(rename = "QueueWorker")]
struct Worker {
    id: String,
    version: String,
    /// The models it serves.
    models: Vec<String>,
    /// How many chunks it can work on at once.
    slots: u32,
    /// How many it is working on.
    busy: u32,
    started_at: Option<DateTime<Utc>>,
    /// Seconds of recording that one slot transcribes a second, by model, as measured lately.
    speeds: Vec<Speed>,
}

/// How fast a model is.
#[derive(Debug, Object)]
#[oai(rename = "QueueWorkerSpeed")]
struct Speed {
    model: String,
    /// Seconds of recording a second of one slot's work.
    speed: f64,
}

#[derive(ApiResponse)]
enum Seen {
    /// The queue as it stands.
    #[oai(status = 200)]
    Queue(Json<Queue>),
}

#[OpenApi(prefix_path = "/v1/queue", tag = "Group::Queue")]
impl QueueApi {
    /// Look at the queue
    ///
    /// What waits in each lane, how long that takes, and which workers are there. Of other workspaces only sums are
    /// told.
    #[oai(path = "/", method = "get", operation_id = "getQueue")]
    async fn get(&self, key: ApiKey<Read>) -> Result<Seen, Failure> {
        let look_at_queue::QueueView { lanes, workers } =
            look_at_queue(&self.app, key.0).await.map_err(|error| failure(error.kind(), "unavailable", &error))?;
        let lanes = lanes.into_iter().map(QueueLane::from).collect();
        Ok(Seen::Queue(Json(Queue { lanes, workers: workers.into_iter().map(Worker::from).collect() })))
    }
}

impl From<LaneView> for QueueLane {
    fn from(lane: LaneView) -> Self {
        Self {
            lane: lane.lane.to_string(),
            model: lane.model.to_string(),
            waiting: lane.waiting,
            running: lane.running,
            own_waiting: lane.own_waiting,
            own_running: lane.own_running,
            time_to_completion: lane.time_to_completion_ms.map(seconds),
        }
    }
}

impl From<WorkerStatus> for Worker {
    fn from(worker: WorkerStatus) -> Self {
        let mut speeds: Vec<_> = worker.speeds.into_iter().map(|(model, speed)| Speed { model, speed }).collect();
        speeds.sort_by(|a, b| a.model.cmp(&b.model));
        Self {
            id: worker.worker_id,
            version: worker.version,
            models: worker.models,
            slots: worker.slots,
            busy: worker.busy,
            started_at: DateTime::from_timestamp_millis(worker.started_at_ms),
            speeds,
        }
    }
}

impl Example for Queue {
    fn example() -> Self {
        Self {
            lanes: vec![QueueLane {
                lane: "interactive".to_owned(),
                model: "base".to_owned(),
                waiting: 14,
                running: 2,
                own_waiting: 3,
                own_running: 1,
                time_to_completion: Some(96.5),
            }],
            workers: vec![Worker {
                id: "studio-4711".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                models: vec!["base".to_owned()],
                slots: 2,
                busy: 2,
                started_at: DateTime::from_timestamp_millis(1_795_000_000_000),
                speeds: vec![Speed { model: "base".to_owned(), speed: 8.7 }],
            }],
        }
    }
}
