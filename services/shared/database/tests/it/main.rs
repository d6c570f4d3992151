//! The database crate against real SQLite and real PostgreSQL: each test runs on both.

mod access;
mod chunks;
mod concurrency;
mod editing;
mod engines;
mod jobs;
mod leases;
mod outbox;
mod queues;
mod retention;
mod rows;
mod schema;
mod transcripts;
