//! The database crate against real SQLite and real PostgreSQL: each test runs on both.

mod access;
mod chunks;
mod concurrency;
mod engines;
mod jobs;
mod outbox;
mod rows;
mod schema;
mod transcripts;
