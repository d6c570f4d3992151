//! Logs, spans and metrics, set up once a process and taken down last. Every service calls the same `init`, so that
//! one trace reads the same across all of them. What is logged, and which metrics exist, is not decided here.

mod json;

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use anyhow::{Context, anyhow};
use clap::ValueEnum;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracerProvider, Tracer},
};
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::metrics_recorder;

/// Dependencies that report their own routine at `info`. `RUST_LOG` can still ask for more of any of them.
const QUIET: &str = "sqlx=warn,async_nats=warn,hyper=warn,h2=warn,poem=warn,whisper_rs=warn";
/// What carries the spans away must not be recorded in them, or each export would cause the next.
const UNTRACED: [&str; 5] = ["h2", "hyper", "hyper_util", "tonic", "tower"];
/// How long the end of a process waits for its last spans.
const FLUSH: Duration = Duration::from_secs(5);
/// All crates of the workspace share one version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, with the trace's id.
    Json,
}

/// The telemetry settings, the same in each service: flatten them into its configuration.
#[derive(Debug, Clone, clap::Args)]
pub struct TelemetryConfig {
    /// How log lines look.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// What is logged: a level, or levels by module such as `info,escriba_gateway=debug`.
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    pub log_filter: String,
    /// Where spans are sent over OTLP/gRPC, such as `http://collector:4317`. Unset: nowhere.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,
}

/// Running telemetry. Spans still in memory are lost unless [`Telemetry::shutdown`] is called.
#[must_use = "spans are flushed by `shutdown`"]
pub struct Telemetry {
    provider: SdkTracerProvider,
}

/// Starts logs to stderr, spans and the metrics recorder for the whole process.
///
/// Call it once, inside the Tokio runtime. Spans get W3C trace ids whether or not they are exported, so that ids
/// in logs and messages of different services always match up.
pub fn init(service: &'static str, config: &TelemetryConfig) -> anyhow::Result<Telemetry> {
    let filter = log_filter(&config.log_filter)?;
    let provider = tracer_provider(service, config.otlp_endpoint.as_deref())?;
    tracing_subscriber::registry()
        .with(span_layer(provider.tracer(service)))
        .with(log_layer(config.log_format).with_filter(filter))
        .try_init()
        .context("telemetry is already running in this process")?;
    metrics_recorder::install()?;
    metrics::gauge!("escriba_build_info", "service" => service, "version" => VERSION).set(1.0);
    Ok(Telemetry { provider })
}

impl Telemetry {
    /// Sends the spans still in memory, for five seconds at most. Comes last, when nothing else runs.
    pub fn shutdown(self) {
        if let Err(error) = self.provider.shutdown_with_timeout(FLUSH) {
            tracing::warn!(%error, "the last spans could not be sent");
        }
    }
}

fn log_filter(asked: &str) -> anyhow::Result<EnvFilter> {
    EnvFilter::builder()
        .parse(format!("{QUIET},{asked}"))
        .map_err(|error| anyhow!("`{asked}` is not a log filter (setting RUST_LOG): {error}"))
}

fn tracer_provider(service: &'static str, endpoint: Option<&str>) -> anyhow::Result<SdkTracerProvider> {
    let resource = Resource::builder()
        .with_service_name(service)
        .with_attribute(opentelemetry::KeyValue::new("service.version", VERSION))
        .build();
    let builder = SdkTracerProvider::builder().with_resource(resource);
    let Some(endpoint) = endpoint else {
        return Ok(builder.build());
    };
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .with_context(|| format!("cannot send spans to `{endpoint}` (setting OTEL_EXPORTER_OTLP_ENDPOINT)"))?;
    Ok(builder.with_batch_exporter(exporter).build())
}

/// Not under `RUST_LOG`: a quieter log must not tear traces apart.
fn span_layer<S>(tracer: Tracer) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let untraced = UNTRACED.map(|target| (target, LevelFilter::OFF));
    let targets = Targets::new().with_default(LevelFilter::INFO).with_targets(untraced);
    tracing_opentelemetry::layer().with_tracer(tracer).with_filter(targets)
}

fn log_layer<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    match format {
        LogFormat::Text => layer.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => layer.json().map_event_format(json::WithTrace).boxed(),
    }
}
