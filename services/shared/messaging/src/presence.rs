//! Which workers are there: each says how it is, and whoever wants to know keeps a directory. Said and forgotten, as
//! progress is; a worker that is missing here may well be at work.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use escriba_events::{WORKERS_ASK, WORKERS_STATUS, v1::WorkerStatus};
use futures_util::StreamExt;
use prost::Message as _;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{Messaging, MessagingError};

/// A worker with nothing new says so this often.
const SAY_EVERY: Duration = Duration::from_secs(5);
/// A worker that was not heard for this long is gone.
const FORGET_AFTER: Duration = Duration::from_secs(15);
/// How long the last word may take to leave.
const LAST_WORD: Duration = Duration::from_secs(1);

/// The workers that were heard lately. Cloning shares the directory.
#[derive(Debug, Clone, Default)]
pub struct Workers {
    heard: Arc<watch::Sender<BTreeMap<String, Heard>>>,
}

#[derive(Debug)]
struct Heard {
    status: WorkerStatus,
    at: Instant,
}

impl Workers {
    /// Who is there to take work, by id. One that is stopping is not.
    pub fn alive(&self) -> Vec<WorkerStatus> {
        self.alive_at(Instant::now())
    }

    fn alive_at(&self, now: Instant) -> Vec<WorkerStatus> {
        let heard = self.heard.borrow();
        heard.values().filter(|heard| is_recent(heard, now)).map(|heard| heard.status.clone()).collect()
    }

    fn hear(&self, status: WorkerStatus, at: Instant) {
        self.heard.send_modify(|heard| {
            heard.retain(|_, heard| is_recent(heard, at));
            if status.stopping {
                heard.remove(&status.worker_id);
            } else {
                heard.insert(status.worker_id.clone(), Heard { status, at });
            }
        });
    }
}

fn is_recent(heard: &Heard, now: Instant) -> bool {
    now.saturating_duration_since(heard.at) < FORGET_AFTER
}

impl Messaging {
    /// Says how this worker is until shutdown: every few seconds, when `busy` changes, and when somebody asks. Its
    /// last word is that it is stopping.
    pub async fn announce_worker(
        &self,
        status: impl Fn() -> WorkerStatus + Send,
        mut busy: watch::Receiver<usize>,
        shutdown: CancellationToken,
    ) {
        let mut connects = self.connects();
        let mut asked = match self.client.subscribe(WORKERS_ASK).await {
            Ok(asked) => asked.boxed(),
            Err(error) => {
                tracing::warn!(%error, "whoever asks for this worker's status has to wait for it");
                futures_util::stream::pending().boxed()
            }
        };
        loop {
            self.tell_status(&status()).await;
            tokio::select! {
                () = sleep(SAY_EVERY) => {}
                Some(_) = asked.next() => {}
                Ok(()) = busy.changed() => {}
                Ok(()) = connects.changed() => {}
                () = shutdown.cancelled() => break,
            }
        }
        self.tell_status(&WorkerStatus { stopping: true, ..status() }).await;
        timeout(LAST_WORD, self.flush()).await.ok();
    }

    async fn tell_status(&self, status: &WorkerStatus) {
        // What is said into a lost connection would be buffered and come out late.
        if self.ping().is_ok()
            && let Err(error) = self.client.publish(WORKERS_STATUS, status.encode_to_vec().into()).await
        {
            tracing::debug!(%error, "the worker's status was not told");
        }
    }

    /// Keeps `workers` up to date until shutdown. Asks for everybody's status at the start and after each reconnect.
    pub async fn watch_workers(&self, workers: Workers, shutdown: CancellationToken) -> Result<(), MessagingError> {
        let mut connects = self.connects();
        let mut told = self.client.subscribe(WORKERS_STATUS).await.map_err(|_| MessagingError::Disconnected)?;
        loop {
            self.client.publish(WORKERS_ASK, "".into()).await.map_err(|_| MessagingError::Disconnected)?;
            loop {
                tokio::select! {
                    Some(message) = told.next() => match WorkerStatus::decode(message.payload) {
                        Ok(status) => workers.hear(status, Instant::now()),
                        Err(error) => tracing::warn!(%error, "a worker's status could not be read"),
                    },
                    Ok(()) = connects.changed() => break,
                    () = shutdown.cancelled() => return Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(id: &str, busy: u32) -> WorkerStatus {
        WorkerStatus { worker_id: id.to_owned(), busy, ..WorkerStatus::default() }
    }

    #[test]
    fn a_worker_is_alive_until_it_was_silent_for_too_long() {
        let workers = Workers::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        workers.hear(status("a", 0), start);
        workers.hear(status("b", 0), start);
        workers.hear(status("a", 1), after(10));
        assert_eq!(workers.alive_at(after(14)), [status("a", 1), status("b", 0)]);
        assert_eq!(workers.alive_at(after(15)), [status("a", 1)]);
        assert_eq!(workers.alive_at(after(25)), []);
    }

    #[test]
    fn a_worker_that_stops_is_gone_at_once_and_the_silent_ones_are_forgotten() {
        let workers = Workers::default();
        let start = Instant::now();
        workers.hear(status("silent", 0), start);
        workers.hear(status("a", 0), start + FORGET_AFTER);
        assert_eq!(workers.heard.borrow().len(), 1);
        workers.hear(WorkerStatus { stopping: true, ..status("a", 0) }, start + FORGET_AFTER);
        assert!(workers.heard.borrow().is_empty());
    }
}
