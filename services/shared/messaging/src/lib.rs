//! How messages travel: the only crate that speaks NATS. It connects, makes the declared streams exist, publishes
//! what the outbox holds, runs consumers of work, replays events, and knows which workers are there. What the messages mean is `events`; who may
//! work on what is decided in SQL, never by a message.

mod connection;
mod consumer;
mod headers;
mod live_progress;
mod lost_sight;
mod presence;
mod relay;
mod replay;
mod streams;
mod work_queue;

pub use connection::{Messaging, MessagingError};
pub use consumer::{Settlement, WorkHandler, WorkRunner};
pub use lost_sight::LostSight;
pub use presence::Workers;
pub use relay::run as run_relay;
pub use replay::{Entrance, EventAt, EventFilter};
pub use work_queue::WorkDepth;
