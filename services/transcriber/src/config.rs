//! The transcriber's settings.

use std::{fs, net::SocketAddr, path::PathBuf, str::FromStr, thread::available_parallelism, time::Duration};

use clap::Parser;
use escriba_domain::ModelName;
use escriba_runtime::telemetry::TelemetryConfig;

use crate::speech::{Device, Weights};

/// Takes recordings from the queue and turns their speech into text.
#[derive(Debug, Parser)]
#[command(name = "escriba-transcriber", version)]
pub struct Config {
    /// Where NATS is. nats-server 2.12.12 or newer with JetStream.
    #[arg(long, env = "NATS_URL", default_value = "nats://127.0.0.1:4222", hide_env_values = true)]
    pub nats_url: String,

    /// Where recordings are kept: `file:///absolute/folder` or `s3://bucket`.
    #[arg(long, env = "STORAGE_URL")]
    pub storage_url: String,

    /// Where gateways take reports, separated by commas. Any one will do: when it is away, another is tried.
    #[arg(long = "reports-url", env = "REPORTS_URL", default_value = "http://127.0.0.1:50051", value_delimiter = ',')]
    pub reports_urls: Vec<String>,

    /// The model to serve.
    #[arg(long, env = "WHISPER_MODEL", default_value = "base")]
    pub model: ModelName,

    /// The folder that `escriba models pull` puts models in.
    #[arg(long, env = "MODELS_DIR")]
    pub models_dir: PathBuf,

    /// What to compute on. `gpu` needs a build with a GPU backend.
    #[arg(long, env = "WHISPER_DEVICE", value_enum, default_value_t = Device::Cpu)]
    pub device: Device,

    /// Which weights to compute with: the quick form for processors that `escriba models pull` makes, or as published.
    /// A GPU takes them as published.
    #[arg(long, env = "WHISPER_WEIGHTS", value_enum, default_value_t = Weights::Quick)]
    pub weights: Weights,

    /// Further models to serve, separated by commas, each loaded when it is first needed.
    #[arg(long, env = "TRANSCRIBER_MODELS", value_delimiter = ',')]
    pub more_models: Vec<ModelName>,

    /// How many recordings to work on at once, and how many windows of them. Each takes memory of its own. Left out: as
    /// many as there are processors, four at most.
    #[arg(long, env = "WHISPER_SLOTS", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub slots: Option<u16>,

    /// Threads to compute with in all. Left out: as many as there are processors.
    #[arg(long, env = "WHISPER_THREADS", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,

    /// A model that nobody used for so long is let go, for instance `30m` or `2h`; `never` keeps it.
    #[arg(long, env = "MODEL_KEEP_ALIVE", default_value = "30m")]
    pub keep_alive: KeepAlive,

    /// Megabytes of memory that loaded models may take together. Left out: three quarters of the machine's.
    #[arg(long, env = "MODEL_MEMORY_MB")]
    pub memory_mb: Option<u64>,

    /// Recordings with more hours of sound are refused.
    #[arg(long, env = "MAX_AUDIO_HOURS", default_value_t = 24)]
    pub max_audio_hours: u64,

    /// Recordings of more than twice so many seconds are cut into chunks with about so much speech, which transcribers
    /// share.
    #[arg(long, env = "CHUNK_SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub chunk_seconds: u64,

    /// Address for health checks and metrics.
    #[arg(long, env = "TRANSCRIBER_INTERNAL_ADDR", default_value = "127.0.0.1:9103")]
    pub internal_addr: SocketAddr,

    #[command(flatten)]
    pub telemetry: TelemetryConfig,
}

/// How long an idle model stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepAlive(pub Option<Duration>);

impl FromStr for KeepAlive {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "never" {
            return Ok(Self(None));
        }
        let time = humantime::parse_duration(text).map_err(|error| format!("{error}; use `30m`, `2h` or `never`"))?;
        Ok(Self(Some(time)))
    }
}

/// Recordings that are worked on at once where nobody says how many: more take memory and gain little.
const MOST_SLOTS: usize = 4;

impl Config {
    pub fn slots(&self) -> usize {
        self.slots.map_or_else(|| self.processors().min(MOST_SLOTS), usize::from)
    }

    /// What there is to compute with.
    pub fn processors(&self) -> usize {
        self.threads.map_or_else(|| available_parallelism().map_or(1, usize::from), usize::from)
    }

    /// Every model that is served, the usual one first.
    pub fn models(&self) -> Vec<ModelName> {
        let mut models = vec![self.model.clone()];
        models.extend(self.more_models.iter().filter(|more| **more != self.model).cloned());
        models
    }

    /// Bytes that loaded models may take.
    pub fn model_memory(&self) -> u64 {
        self.memory_mb.map_or_else(|| machine_memory() / 4 * 3, |megabytes| megabytes << 20)
    }
}

/// The machine's memory in bytes, or what of it this service's control group may take.
fn machine_memory() -> u64 {
    let info = rustix::system::sysinfo();
    let physical = info.totalram * u64::from(info.mem_unit.max(1));
    let limit = fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    limit.map_or(physical, |limit: u64| limit.min(physical))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_kept_for_a_time_or_for_ever() {
        assert_eq!("never".parse(), Ok(KeepAlive(None)));
        assert_eq!("90s".parse(), Ok(KeepAlive(Some(Duration::from_secs(90)))));
        assert!("soon".parse::<KeepAlive>().unwrap_err().contains("never"));
    }

    #[test]
    fn the_machine_has_some_memory() {
        assert!(machine_memory() > 64 << 20);
    }
}
