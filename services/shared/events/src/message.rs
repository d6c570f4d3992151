//! A message on its way to JetStream, before anything has published it.

use std::collections::BTreeMap;

use escriba_domain::{JobId, OutboxId};

/// The content type of every payload.
pub const CONTENT_TYPE: &str = "application/protobuf";

/// Header names and values, in a stable order.
pub type Headers = BTreeMap<String, String>;

/// What the outbox stores and the relay publishes. `id` becomes `Nats-Msg-Id`, so a repeat is recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub id: OutboxId,
    /// Whose message it is. Messages of one job reach a stream in the order they were written.
    pub job: JobId,
    pub subject: String,
    pub headers: Headers,
    pub payload: Vec<u8>,
}
