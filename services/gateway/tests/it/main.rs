//! The whole gateway in this process, against real databases, a real nats-server and a folder for recordings. The
//! transcriber is played by the tests: `worker.rs` speaks the report protocol as one would.

mod access;
mod admin;
mod bulk;
mod claims;
mod deaths;
mod document;
mod editing;
mod events;
mod housekeeping;
mod idempotency;
mod imports;
mod jobs;
mod keys;
mod labels;
mod limits;
mod listing;
mod media;
mod openai;
mod operations;
mod outages;
mod parts;
mod redo;
mod retry;
mod scopes;
mod segments;
mod sharing;
mod stack;
mod strangers;
mod tus;
mod tus_rules;
mod uploads;
mod waveform;
mod worker;
mod workspace_events;
