//! The gateway's settings.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Parser;
use escriba_domain::ModelName;
use escriba_runtime::telemetry::TelemetryConfig;
use ipnet::IpNet;

use crate::app::sweep_orphans::{LEAST_AGE, SweepError};

/// The door to Escriba: HTTP for clients, gRPC for transcribers.
#[derive(Debug, Parser)]
#[command(name = "escriba-gateway", version)]
pub struct Config {
    /// Where the database is: `sqlite:///path/escriba.db?mode=rwc` or `postgres://user:password@host/name`.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: String,

    /// Where NATS is. nats-server 2.12.12 or newer with JetStream.
    #[arg(long, env = "NATS_URL", default_value = "nats://127.0.0.1:4222", hide_env_values = true)]
    pub nats_url: String,

    /// Copies of each stream: 1 on one machine, 3 in a cluster.
    #[arg(long, env = "NATS_REPLICAS", default_value_t = 1)]
    pub nats_replicas: usize,

    /// Where recordings are kept: `file:///absolute/folder` or `s3://bucket`.
    #[arg(long, env = "STORAGE_URL")]
    pub storage_url: String,

    /// Where the export service listens.
    #[arg(long, env = "EXPORT_URL", default_value = "http://127.0.0.1:50052")]
    pub export_url: String,

    /// Address for clients.
    #[arg(long, env = "GATEWAY_HTTP_ADDR", default_value = "127.0.0.1:8080")]
    pub http_addr: SocketAddr,

    /// Address for transcribers.
    #[arg(long, env = "GATEWAY_GRPC_ADDR", default_value = "127.0.0.1:50051")]
    pub grpc_addr: SocketAddr,

    /// Address for health checks and metrics.
    #[arg(long, env = "GATEWAY_INTERNAL_ADDR", default_value = "127.0.0.1:9101")]
    pub internal_addr: SocketAddr,

    /// The model of jobs that name none.
    #[arg(long, env = "WHISPER_MODEL", default_value = "base")]
    pub model: ModelName,

    /// Further models that transcribers of this installation serve, separated by commas.
    #[arg(long, env = "GATEWAY_MODELS", value_delimiter = ',')]
    pub more_models: Vec<ModelName>,

    /// The largest recording that is taken.
    #[arg(long, env = "MAX_UPLOAD_BYTES", default_value_t = 8 << 30)]
    pub max_upload_bytes: u64,

    /// Addresses of the operator's own from which recordings may be fetched, beside all public ones: networks such as
    /// `10.1.0.0/16`, separated by commas.
    #[arg(long, env = "IMPORT_ALLOW", value_delimiter = ',')]
    pub import_allow: Vec<IpNet>,
    /// How many requests a minute each API key may send to this gateway, where its workspace's limits say nothing else; 0
    /// for as many as it likes.
    #[arg(long, env = "REQUESTS_PER_MINUTE", default_value_t = 6_000)]
    pub requests_per_minute: u32,

    /// What no job needs is deleted from storage once it is so old, for instance `24h`; an hour at least.
    #[arg(long, env = "ORPHAN_AGE", default_value = "24h", value_parser = orphan_age)]
    pub orphan_age: Duration,

    /// At the first start, make a workspace and write its API key to this file, which only its owner can read.
    #[arg(long, env = "BOOTSTRAP_KEY_FILE")]
    pub bootstrap_key_file: Option<PathBuf>,

    #[command(flatten)]
    pub telemetry: TelemetryConfig,
}

fn orphan_age(text: &str) -> Result<Duration, String> {
    let age = humantime::parse_duration(text).map_err(|error| format!("{error}; use `24h` or `7d`"))?;
    if age < LEAST_AGE { Err(SweepError::TooYoung.to_string()) } else { Ok(age) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_that_endangers_uploads_is_refused() {
        assert_eq!(orphan_age("24h"), Ok(Duration::from_hours(24)));
        assert!(orphan_age("59m").unwrap_err().contains("at least 1h old"));
        assert!(orphan_age("soon").unwrap_err().contains("use `24h`"));
    }
}
