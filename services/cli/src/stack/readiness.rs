//! Waiting until a service can do its work, or until it is clear that it will not. It only looks; it starts and
//! stops nothing.

use std::time::Duration;

use tokio::{net::TcpStream, sync::watch, time};

use super::services::ReadyWhen;

/// Between two looks. A service has no way to call us, so looking is all there is.
const INTERVAL: Duration = Duration::from_millis(50);
/// A look that takes longer counts as no.
const LOOK_TIMEOUT: Duration = Duration::from_secs(3);
/// Loading the largest model from a slow disk takes a minute or two.
const LONGEST_START: Duration = Duration::from_mins(3);
/// A service that ends this often before it was ever ready needs a person.
const FALLS_ALLOWED: u32 = 2;

/// The service will not become ready.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotReady {
    #[error("{name} ends as soon as it starts")]
    KeepsFalling { name: &'static str },
    #[error("{name} is still not ready after {} s", LONGEST_START.as_secs())]
    TooSlow { name: &'static str },
}

impl NotReady {
    /// The service at fault.
    pub(crate) fn service(&self) -> &'static str {
        match self {
            Self::KeepsFalling { name } | Self::TooSlow { name } => name,
        }
    }
}

/// A service that was started and has to become ready.
#[derive(Debug)]
pub(crate) struct Awaited {
    pub(crate) name: &'static str,
    pub(crate) ready: ReadyWhen,
    /// How often it has ended by itself.
    pub(crate) falls: watch::Receiver<u32>,
}

pub(crate) async fn wait(mut service: Awaited, http: &reqwest::Client) -> Result<(), NotReady> {
    let name = service.name;
    tokio::select! {
        () = until_ready(service.ready, http) => Ok(()),
        Ok(_) = service.falls.wait_for(|falls| *falls > FALLS_ALLOWED) => Err(NotReady::KeepsFalling { name }),
        () = time::sleep(LONGEST_START) => Err(NotReady::TooSlow { name }),
    }
}

async fn is_ready(ready: ReadyWhen, http: &reqwest::Client) -> bool {
    match ready {
        ReadyWhen::Accepts(address) => TcpStream::connect(address).await.is_ok(),
        ReadyWhen::SaysSo(address) => {
            let answer = http.get(format!("http://{address}/readyz")).timeout(LOOK_TIMEOUT).send().await;
            answer.is_ok_and(|answer| answer.status().is_success())
        }
    }
}

async fn until_ready(ready: ReadyWhen, http: &reqwest::Client) {
    let mut looks = time::interval(INTERVAL);
    looks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        if is_ready(ready, http).await {
            return;
        }
    }
}
