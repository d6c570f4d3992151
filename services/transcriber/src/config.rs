//! The transcriber's settings.

use std::{net::SocketAddr, path::PathBuf, thread::available_parallelism};

use clap::Parser;
use escriba_domain::ModelName;
use escriba_runtime::telemetry::TelemetryConfig;

use crate::speech::Device;

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

    /// Where a gateway takes reports.
    #[arg(long, env = "REPORTS_URL", default_value = "http://127.0.0.1:50051")]
    pub reports_url: String,

    /// The model to serve.
    #[arg(long, env = "WHISPER_MODEL", default_value = "base")]
    pub model: ModelName,

    /// The folder that `escriba models pull` puts models in.
    #[arg(long, env = "MODELS_DIR")]
    pub models_dir: PathBuf,

    /// What to compute on. `gpu` needs a build with a GPU backend.
    #[arg(long, env = "WHISPER_DEVICE", value_enum, default_value_t = Device::Cpu)]
    pub device: Device,

    /// How many recordings to work on at once. Each takes memory of its own.
    #[arg(long, env = "WHISPER_SLOTS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub slots: u16,

    /// Threads for each of them. Left out: the processors are shared out.
    #[arg(long, env = "WHISPER_THREADS", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,

    /// Address for health checks and metrics.
    #[arg(long, env = "TRANSCRIBER_INTERNAL_ADDR", default_value = "127.0.0.1:9103")]
    pub internal_addr: SocketAddr,

    #[command(flatten)]
    pub telemetry: TelemetryConfig,
}

impl Config {
    /// Threads for one slot.
    pub fn threads_per_slot(&self) -> usize {
        let processors = available_parallelism().map_or(1, usize::from);
        self.threads.map_or_else(|| (processors / usize::from(self.slots)).max(1), usize::from)
    }
}
