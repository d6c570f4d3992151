//! What every Escriba process needs before and around its own work: settings, telemetry, the trace that a request
//! belongs to, signals, and the internal port. Knows nothing of jobs, and opens no connection but the ones it serves
//! or exports spans over.

pub mod health;
pub mod lifecycle;
pub mod settings;
pub mod telemetry;
pub mod trace_context;

mod metrics_recorder;
