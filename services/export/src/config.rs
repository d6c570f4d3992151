//! The settings of this service. Parsing and checking them is the runtime's business, using them is `service`'s.

use std::net::SocketAddr;

use clap::Parser;
use escriba_runtime::telemetry::TelemetryConfig;

/// Renders transcripts as SRT, VTT, TXT and JSON.
#[derive(Debug, Parser)]
#[command(name = "escriba-export", version, about)]
pub(crate) struct Config {
    /// Where transcripts are read: `sqlite://path` or `postgres://…`. A user that may only read is enough.
    #[arg(long, env = "DATABASE_URL")]
    pub(crate) database_url: String,
    /// Where render requests are served.
    #[arg(long, env = "EXPORT_GRPC_ADDR", default_value = "127.0.0.1:50052")]
    pub(crate) export_grpc_addr: SocketAddr,
    /// Where health and metrics are served. Keep it inside the house.
    #[arg(long, env = "EXPORT_INTERNAL_ADDR", default_value = "127.0.0.1:9102")]
    pub(crate) export_internal_addr: SocketAddr,
    #[command(flatten)]
    pub(crate) telemetry: TelemetryConfig,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_setting_is_in_the_projects_list() {
        for argument in Config::command().get_arguments() {
            if let Some(name) = argument.get_env() {
                assert!(escriba_runtime::settings::KNOWN.iter().any(|known| *known == name), "{}", name.display());
            }
        }
    }
}
