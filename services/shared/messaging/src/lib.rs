//! How messages travel: the only crate that speaks NATS. It connects, makes the declared streams exist, publishes
//! what the outbox holds, runs consumers of work, and replays events. What the messages mean is `events`; who may
//! work on what is decided in SQL, never by a message.

mod connection;
mod consumer;
mod headers;
mod live_progress;
mod relay;
mod replay;
mod streams;

pub use connection::{Messaging, MessagingError};
pub use consumer::{Settlement, WorkHandler, WorkRunner};
pub use relay::run as run_relay;
pub use replay::EventAt;
