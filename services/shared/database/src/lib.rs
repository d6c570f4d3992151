//! The only SQL. Entities stay private; what leaves this crate are the domain's words. Writing functions take a
//! [`Transaction`], so that a change and the messages that tell of it commit together; reading ones take a
//! [`Database`]. The same code runs on SQLite (WAL) and PostgreSQL.
//!
//! Nothing here decides what may happen to a job: that is the gateway's `app`.

pub mod api_keys;
pub mod chunks;
mod clock;
mod connection;
mod entity;
mod error;
pub mod idempotency;
pub mod jobs;
pub mod leases;
pub mod limits;
pub mod media;
pub mod outbox;
pub mod queues;
pub mod retention;
pub mod search;
pub mod transcripts;
pub mod uploads;
pub mod workspaces;

pub use connection::{Database, Transaction, within_reason};
pub use error::DatabaseError;
