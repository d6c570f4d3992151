//! Messaging against a real nats-server, and where the outbox is concerned against real databases.

mod outage;
mod progress;
mod relay;
mod replay;
mod server;
mod streams;
mod work;
