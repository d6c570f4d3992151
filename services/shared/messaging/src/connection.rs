//! The connection to NATS, and the server versions it accepts.

use std::{fmt, time::Duration};

use async_nats::{Client, ConnectOptions, connection::State, jetstream};
use escriba_domain::ErrorKind;

/// Older servers lose acknowledgements and consumer state when they are killed.
const OLDEST_SERVER: Version = Version(2, 12, 12);

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
    #[error("nats-server {found} is too old: it can lose acknowledged work. Install {OLDEST_SERVER} or newer")]
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
        if found.parse::<Version>().is_ok_and(|version| version < OLDEST_SERVER) {
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32, u32);

impl std::str::FromStr for Version {
    type Err = ();

    /// Reads `2.15.1` and pre-releases such as `2.16.0-RC.2`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut numbers = text.trim_start_matches('v').splitn(3, '.').map(|part| {
            let digits = part.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
            digits.parse().map_err(|_| ())
        });
        let mut next = || numbers.next().unwrap_or(Err(()));
        Ok(Self(next()?, next()?, next()?))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number_and_not_by_text() {
        let version = |text: &str| text.parse::<Version>().unwrap();
        assert!(version("2.9.10") < OLDEST_SERVER);
        assert!(version("2.12.11") < OLDEST_SERVER);
        assert!(version("2.12.12") >= OLDEST_SERVER);
        assert!(version("v2.15.1-RC.2") >= OLDEST_SERVER);
        assert!("nightly".parse::<Version>().is_err());
    }
}
