//! `/v1/capabilities`: what can be sent, what comes out, and how much of it the workspace may have.

use std::sync::Arc;

use escriba_domain::{Lane, Task};
use poem_openapi::{ApiResponse, Object, OpenApi, payload::Json, types::Example};

use super::{
    authentication::{ApiKey, Read},
    document::Group,
    job_view::seconds,
    problem::{Failure, failure},
};
use crate::app::{
    App,
    describe_capabilities::{Allowed, Capabilities, Model, describe_capabilities},
};

/// Endings of files that are usually recordings which can be decoded. What a file is, its bytes say.
const INPUT_FORMATS: [&str; 30] = [
    "3gp", "aac", "ac3", "aiff", "amr", "ape", "asf", "au", "avi", "caf", "flac", "flv", "m4a", "m4v", "mka", "mkv",
    "mov", "mp3", "mp4", "mpeg", "mpg", "mpga", "mxf", "oga", "ogg", "opus", "ts", "wav", "webm", "wma",
];
const OUTPUT_FORMATS: [&str; 4] = ["json", "srt", "vtt", "txt"];
const FEATURES: [&str; 21] = [
    "audio_track",
    "bulk",
    "channels",
    "editing",
    "events",
    "hotwords",
    "idempotency_keys",
    "labels",
    "language_detection",
    "media",
    "media_url",
    "multilingual",
    "openai",
    "prompt",
    "redo",
    "rendition",
    "search",
    "translate",
    "tus",
    "waveform",
    "word_timestamps",
];

pub struct CapabilitiesApi {
    pub(super) app: Arc<App>,
}

/// What can be asked for here, and how much of it.
#[derive(Debug, Object)]
#[oai(rename = "Capabilities", example)]
struct CapabilitiesView {
    /// Of the server.
    version: String,
    /// What can be done for a recording, by the names of the options.
    features: Vec<String>,
    tasks: Vec<String>,
    lanes: Vec<String>,
    /// Endings of files that can be sent. Others may do as well: what a file is, its bytes say.
    input_formats: Vec<String>,
    /// What a transcript can be had as.
    output_formats: Vec<String>,
    /// The models that may be asked for.
    models: Vec<ModelView>,
    limits: LimitsView,
}

/// A model that may be asked for.
#[derive(Debug, Object)]
#[oai(rename = "ModelCapabilities")]
struct ModelView {
    name: String,
    /// Whether it is taken for jobs that name none.
    is_default: bool,
    /// The codes of the languages it knows.
    languages: Vec<String>,
    /// Whether a worker is there that serves it now. Jobs for one that is not served wait.
    is_served: bool,
    /// How many workers are there that serve it.
    workers: u64,
}

/// How much this workspace may have.
#[derive(Debug, Object)]
#[oai(rename = "WorkspaceLimits")]
struct LimitsView {
    /// The largest recording that is taken, in bytes.
    max_upload_bytes: u64,
    /// The longest recording that is transcribed, in seconds; null: as long as the workers take.
    max_duration: Option<f64>,
    /// How many jobs may wait and run at a time; null: any number.
    max_unfinished_jobs: Option<u32>,
    /// How many wait and run now.
    unfinished_jobs: u64,
    /// How many requests each key may send a minute, at each gateway; null: any number.
    requests_per_minute: Option<u32>,
}

#[derive(ApiResponse)]
enum Seen {
    /// What can be done now.
    #[oai(status = 200)]
    Capabilities(Json<CapabilitiesView>),
}

#[OpenApi(prefix_path = "/v1/capabilities", tag = "Group::Queue")]
impl CapabilitiesApi {
    /// See what can be done
    ///
    /// Formats, models with their languages and whether they are served now, and the limits of the workspace, so that a
    /// program need not find them out by being refused.
    #[oai(path = "/", method = "get", operation_id = "getCapabilities")]
    async fn get(&self, key: ApiKey<Read>) -> Result<Seen, Failure> {
        let found = describe_capabilities(&self.app, key.0)
            .await
            .map_err(|error| failure(error.kind(), "unavailable", &error))?;
        Ok(Seen::Capabilities(Json(found.into())))
    }
}

impl From<Capabilities> for CapabilitiesView {
    fn from(found: Capabilities) -> Self {
        let models = found.models.into_iter().enumerate();
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            features: FEATURES.map(str::to_owned).to_vec(),
            tasks: Task::ALL.iter().map(ToString::to_string).collect(),
            lanes: Lane::ALL.iter().map(ToString::to_string).collect(),
            input_formats: INPUT_FORMATS.map(str::to_owned).to_vec(),
            output_formats: OUTPUT_FORMATS.map(str::to_owned).to_vec(),
            models: models.map(ModelView::new).collect(),
            limits: found.limits.into(),
        }
    }
}

impl ModelView {
    fn new((nth, Model { name, languages, workers }): (usize, Model)) -> Self {
        Self {
            name: name.to_string(),
            is_default: nth == 0,
            languages: languages.into_iter().map(|language| language.to_string()).collect(),
            is_served: workers > 0,
            workers,
        }
    }
}

impl From<Allowed> for LimitsView {
    fn from(allowed: Allowed) -> Self {
        Self {
            max_upload_bytes: allowed.max_upload_bytes,
            max_duration: allowed.max_audio_ms.map(seconds),
            max_unfinished_jobs: allowed.max_unfinished_jobs,
            unfinished_jobs: allowed.unfinished_jobs,
            requests_per_minute: allowed.requests_per_minute,
        }
    }
}

impl Example for CapabilitiesView {
    fn example() -> Self {
        let model = Model {
            name: "base".parse().expect("it is a model's name"),
            languages: ["en", "es", "de"].iter().filter_map(|code| code.parse().ok()).collect(),
            workers: 2,
        };
        let limits = Allowed {
            max_upload_bytes: 8 << 30,
            max_audio_ms: Some(4 * 60 * 60 * 1000),
            max_unfinished_jobs: Some(500),
            unfinished_jobs: 3,
            requests_per_minute: Some(6_000),
        };
        Capabilities { models: vec![model], limits }.into()
    }
}
