//! Who is there to work: told over core NATS, so any of it may be lost, and none of it is kept. It decides nothing
//! about work; that is the claim in SQL.

/// Where workers say how they are: a [`v1::WorkerStatus`](crate::v1::WorkerStatus).
pub const WORKERS_STATUS: &str = "workers.status";

/// An empty message here asks all workers for their status.
pub const WORKERS_ASK: &str = "workers.ask";
