//! The process's one metrics recorder: `telemetry` installs it, `health` shows it. The `metrics` macros write to a
//! global anyway, so its reading side is kept beside it instead of being passed through every service.

use std::sync::OnceLock;

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// From a cache hit to the decoding of a long chunk.
const SECONDS: [f64; 15] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0];

/// Installs the recorder. Metrics named `…_seconds` become histograms with buckets that replicas can be summed over.
pub(crate) fn install() -> anyhow::Result<()> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .context("cannot install the metrics recorder")?;
    HANDLE.get_or_init(|| handle);
    Ok(())
}

/// All metrics as Prometheus text; empty where telemetry was never started.
pub(crate) fn render() -> String {
    HANDLE.get().map(PrometheusHandle::render).unwrap_or_default()
}

/// Folds raw samples into their buckets. Without it, memory grows for as long as nobody scrapes.
pub(crate) fn compact() {
    if let Some(handle) = HANDLE.get() {
        handle.run_upkeep();
    }
}
