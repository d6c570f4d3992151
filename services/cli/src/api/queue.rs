//! The server's queue as the API shows it. Fields this version does not know are kept, so that `--json` shows all the
//! server said.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ApiError, Client};

/// What waits and who works.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Queue {
    pub(crate) lanes: Vec<Lane>,
    pub(crate) workers: Vec<Worker>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// One lane of one model. Counts are of chunks.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Lane {
    #[serde(rename = "lane")]
    pub(crate) name: String,
    pub(crate) model: String,
    pub(crate) waiting: u64,
    pub(crate) running: u64,
    #[serde(default)]
    pub(crate) own_waiting: u64,
    #[serde(default)]
    pub(crate) own_running: u64,
    /// Seconds until nothing waits here any more, while the server can tell.
    #[serde(default)]
    pub(crate) time_to_completion: Option<f64>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// A transcriber that is there.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Worker {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) version: String,
    #[serde(default)]
    pub(crate) models: Vec<String>,
    #[serde(default)]
    pub(crate) slots: u32,
    #[serde(default)]
    pub(crate) busy: u32,
    #[serde(default)]
    pub(crate) started_at: Option<String>,
    #[serde(default)]
    pub(crate) speeds: Vec<Speed>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Seconds of recording that one slot transcribes in a second.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Speed {
    pub(crate) model: String,
    #[serde(rename = "speed")]
    pub(crate) factor: f64,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl Worker {
    /// With this model; `None` until it was measured.
    pub(crate) fn speed(&self, model: &str) -> Option<f64> {
        self.speeds.iter().find(|speed| speed.model == model).map(|speed| speed.factor)
    }
}

impl Client {
    pub(crate) async fn queue(&self) -> Result<Queue, ApiError> {
        self.ask(self.request(Method::GET, "v1/queue")?).await
    }
}
