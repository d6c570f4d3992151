//! The connection to NATS, and the server versions it accepts. Credentials in an address go to the server and nowhere
//! else: no error and no log shows them.

mod address;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use address::{Address, Login};
use async_nats::{Client, ConnectOptions, Event, connection::State, jetstream};
use escriba_domain::{ErrorKind, NatsVersion};
use tokio::sync::watch;

/// A connection that reconnects by itself. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Messaging {
    pub(crate) client: Client,
    pub(crate) jetstream: jetstream::Context,
    /// With how many copies this process declared the streams, if it did.
    pub(crate) replicas: Arc<OnceLock<usize>>,
    connects: watch::Receiver<u64>,
}

#[derive(Debug, thiserror::Error)]
pub enum MessagingError {
    #[error("NATS_URL is no address of a NATS server ({reason}); write it like nats://127.0.0.1:4222")]
    NoAddress { reason: String },
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
            Self::NoAddress { .. } => ErrorKind::Invalid,
            Self::ServerTooOld { .. } => ErrorKind::Internal,
            Self::Unreachable { .. } | Self::Disconnected | Self::JetStream { .. } => ErrorKind::Unavailable,
        }
    }

    pub(crate) fn jetstream(what: &'static str) -> impl FnOnce(async_nats::Error) -> Self {
        move |error| Self::JetStream { what, reason: error.to_string() }
    }
}

impl Messaging {
    /// Connects under a name that operators see in the server's connection list. The address may hold a user and a
    /// password, or a token: `nats://user:password@host:4222`, `nats://token@host:4222`.
    pub async fn connect(url: &str, name: &str) -> Result<Self, MessagingError> {
        let Address { server, login } = url.parse()?;
        let unreachable = |reason: String| MessagingError::Unreachable { url: server.as_url_str().to_owned(), reason };
        let (connected, connects) = watch::channel(0);
        let client = with_login(ConnectOptions::new(), login)
            .name(name)
            .event_callback(move |event| {
                if event == Event::Connected {
                    connected.send_modify(|times| *times += 1);
                }
                std::future::ready(())
            })
            // A dead server is noticed after two missed answers.
            .ping_interval(Duration::from_secs(10))
            .request_timeout(Some(Duration::from_secs(5)))
            .connect(&server)
            .await
            .map_err(|error| unreachable(error.to_string()))?;
        let found = client.server_info().version;
        if found.parse::<NatsVersion>().is_ok_and(|version| version < NatsVersion::OLDEST) {
            return Err(MessagingError::ServerTooOld { found });
        }
        let jetstream = jetstream::new(client.clone());
        Ok(Self { client, jetstream, replicas: Arc::default(), connects })
    }

    /// Whether the connection stands at this moment.
    pub fn ping(&self) -> Result<(), MessagingError> {
        match self.client.connection_state() {
            State::Connected => Ok(()),
            State::Pending | State::Disconnected => Err(MessagingError::Disconnected),
        }
    }

    /// Changes with each new connection. What the server knew of the one before, such as a pull, is gone; and if its
    /// store is gone too, so are the streams and consumers.
    pub(crate) fn connects(&self) -> watch::Receiver<u64> {
        let mut connects = self.connects.clone();
        connects.mark_unchanged();
        connects
    }

    /// Whether JetStream answers. A server whose disk is full stays connected, and has none.
    pub async fn ping_jetstream(&self) -> Result<(), MessagingError> {
        self.ping()?;
        let failed = MessagingError::jetstream("answer");
        self.jetstream.query_account().await.map(|_| ()).map_err(|error| failed(error.into()))
    }

    /// Sends what is still buffered.
    pub async fn flush(&self) -> Result<(), MessagingError> {
        self.client.flush().await.map_err(|_| MessagingError::Disconnected)
    }
}

/// async-nats 0.51 reads credentials from an address, but never sends those.
fn with_login(options: ConnectOptions, login: Login) -> ConnectOptions {
    match login {
        Login::None => options,
        Login::User { name, password } => options.user_and_password(name, password),
        Login::Token(token) => options.token(token),
    }
}
