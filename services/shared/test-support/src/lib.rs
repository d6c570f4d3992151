//! What tests of several crates need: a real nats-server, real databases, rows to start from, and patience with a
//! bound. For tests alone; no service may depend on it. It speaks no SQL and no NATS of its own.

mod build;
mod databases;
mod nats;
mod paths;
mod wait;

pub use build::{Tenant, job_options, segment, tenant};
pub use databases::{TestDatabase, databases};
pub use nats::{Nats, free_port};
pub use paths::{repo_root, sample};
pub use wait::{PATIENCE, eventually};
