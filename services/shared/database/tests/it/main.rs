//! The database crate against real SQLite and real PostgreSQL: each test runs on both.

mod access;
mod chunks;
mod concurrency;
mod editing;
mod engines;
mod idempotency;
mod jobs;
mod keys;
mod leases;
mod limits;
mod listing;
mod outbox;
mod queues;
mod retention;
mod rows;
mod same_job;
mod schema;
mod search;
mod transcripts;
mod uploads;
