//! One message to JetStream, and why it was not taken.

use std::error::Error;

use async_nats::jetstream::{
    self, ErrorCode,
    context::{PublishError, PublishErrorKind},
};
use escriba_events::Message;

use crate::{Messaging, headers};

/// A message was not taken, or nobody knows whether it was.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Refusal {
    #[error("no stream takes it")]
    NoStream,
    #[error("it is too large: {0}")]
    TooLarge(String),
    /// It timed out, or the stream is full: it may be taken later.
    #[error("{0}")]
    NotNow(String),
}

/// Returns once the message is stored.
pub(super) async fn publish(messaging: &Messaging, message: Message) -> Result<(), Refusal> {
    let mut headers = headers::to_nats(&message.headers);
    headers.insert(async_nats::header::NATS_MESSAGE_ID, message.id.to_string());
    let sent = messaging.jetstream.publish_with_headers(message.subject, headers, message.payload.into()).await;
    sent.map_err(|error| refusal(&error))?.await.map_err(|error| refusal(&error))?;
    Ok(())
}

fn refusal(error: &PublishError) -> Refusal {
    match error.kind() {
        PublishErrorKind::StreamNotFound => Refusal::NoStream,
        PublishErrorKind::MaxPayloadExceeded => Refusal::TooLarge(error.to_string()),
        _ => match error.source().and_then(|source| source.downcast_ref::<jetstream::Error>()) {
            Some(answer) => match answer.error_code() {
                ErrorCode::STREAM_NOT_FOUND => Refusal::NoStream,
                ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM | ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM => {
                    Refusal::TooLarge(answer.to_string())
                }
                _ => Refusal::NotNow(answer.to_string()),
            },
            None => Refusal::NotNow(error.to_string()),
        },
    }
}
