//! What the end-to-end tests are made with: the built programs as processes, and the outside world that meets them —
//! an HTTP client, a subscriber to the events, a collector of spans, readers of subtitles, recordings.
//!
//! The tests look at Escriba from outside. They share its published contracts (the events' protobuf, the failure codes)
//! and none of its code paths; the one look inside is a read-only one into the database, for what may be left over.
//! Nothing here decides whether a behaviour is right: that is each test's business.

pub mod client;
pub mod collector;
pub mod corpus;
pub mod nats_wire;
pub mod ports;
pub mod processes;
pub mod programs;
pub mod recordings;
mod service;
pub mod stack;
pub mod subtitles;
pub mod words;

pub use client::{Client, Event, Rendered};
pub use recordings::{Spoken, Studio};
pub use service::Service;
pub use stack::{Gateways, Setup, Stack, Turn};
