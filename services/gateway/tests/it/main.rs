//! The whole gateway in this process, against real databases, a real nats-server and a folder for recordings. The
//! transcriber is played by the tests: `worker.rs` speaks the report protocol as one would.

mod access;
mod claims;
mod deaths;
mod document;
mod events;
mod jobs;
mod outages;
mod segments;
mod stack;
mod uploads;
mod worker;
