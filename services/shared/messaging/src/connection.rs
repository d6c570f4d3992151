//! The connection to NATS, and the server versions it accepts.

use std::time::Duration;

use async_nats::{Client, ConnectOptions, connection::State, jetstream};
use escriba_domain::{ErrorKind, NatsVersion};

/// A connection that reconnects by itself. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Messaging {
    pub(crate) client: Client,
    pub(crate) jetstream: jetstream::Context,
}

#[derive(Debug, thiserror::Error)]
pub enum MessagingError {
    #[error("NATS cannot be reached at {url}: {reason}")]
    Unreachable { url: String, reason: String },
    #[error("nats-server {found} is too old: it can lose acknowledged work. Install {} or newer", NatsVersion::OLDEST)]
    ServerTooOld { found: String },
    #[error("NATS is not connected")]
    Disconnected,
    #[error("JetStream could not {what}: {reason}")]
    JetStream { what: &'static str, reason: String },
}

impl MessagingError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::ServerTooOld { .. } => ErrorKind::Internal,
            Self::Unreachable { .. } | Self::Disconnected | Self::JetStream { .. } => ErrorKind::Unavailable,
        }
    }

    pub(crate) fn jetstream(what: &'static str) -> impl FnOnce(async_nats::Error) -> Self {
        move |error| Self::JetStream { what, reason: error.to_string() }
    }
}

impl Messaging {
    /// Connects under a name that operators see in the server's connection list.
    pub async fn connect(url: &str, name: &str) -> Result<Self, MessagingError> {
        let unreachable = |reason: String| MessagingError::Unreachable { url: url.to_owned(), reason };
        let client = ConnectOptions::new()
            .name(name)
            // A dead server is noticed after two missed answers.
            .ping_interval(Duration::from_secs(10))
            .request_timeout(Some(Duration::from_secs(5)))
            .connect(url)
            .await
            .map_err(|error| unreachable(error.to_string()))?;
        let found = client.server_info().version;
        if found.parse::<NatsVersion>().is_ok_and(|version| version < NatsVersion::OLDEST) {
            return Err(MessagingError::ServerTooOld { found });
        }
        let jetstream = jetstream::new(client.clone());
        Ok(Self { client, jetstream })
    }

    /// Whether the connection stands at this moment.
    pub fn ping(&self) -> Result<(), MessagingError> {
        match self.client.connection_state() {
            State::Connected => Ok(()),
            State::Pending | State::Disconnected => Err(MessagingError::Disconnected),
        }
    }

    /// Sends what is still buffered.
    pub async fn flush(&self) -> Result<(), MessagingError> {
        self.client.flush().await.map_err(|_| MessagingError::Disconnected)
    }
}
