//! Messaging against a real nats-server, and where the outbox is concerned against real databases.

mod login;
mod lost_sight;
mod outage;
mod presence;
mod progress;
mod queue;
mod recovery;
mod refusals;
mod relay;
mod relays;
mod replay;
mod server;
mod streams;
mod traps;
mod work;
