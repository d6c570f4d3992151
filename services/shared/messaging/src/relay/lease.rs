//! The right to publish: one gateway has it at a time.

use std::time::Duration;

use escriba_database::{Database, DatabaseError, leases};
use escriba_domain::OutboxId;
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout_at},
};

const NAME: &str = "relay";
/// How long the database keeps the lease for a holder that says nothing more.
const TIME: Duration = Duration::from_secs(5);
/// How long the holder trusts it. Less, because a message that is sent last still has to arrive.
const TRUSTED: Duration = Duration::from_secs(4);
const RENEW_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Lease {
    db: Database,
    /// New with each start: whoever comes back after a crash is another.
    holder: String,
    /// By the monotonic clock, which goes on while the process is frozen.
    trusted_until: watch::Sender<Instant>,
}

impl Lease {
    pub(super) fn new(db: Database) -> Self {
        Self { db, holder: OutboxId::new().to_string(), trusted_until: watch::Sender::new(Instant::now()) }
    }

    /// Takes or renews it; `false` while another gateway holds it.
    pub(super) async fn acquire(&self) -> Result<bool, DatabaseError> {
        // From before the question: the answer may take long.
        let asked = Instant::now();
        let acquired = leases::acquire(&self.db, NAME, &self.holder, TIME).await?;
        if acquired {
            self.trusted_until.send_replace(asked + TRUSTED);
        }
        Ok(acquired)
    }

    /// Whether nobody else can be publishing. To be asked before each message: this process may have been frozen
    /// since the last one.
    pub(super) fn holds(&self) -> bool {
        Instant::now() < *self.trusted_until.borrow()
    }

    /// Renews it for as long as that works.
    pub(super) async fn keep(&self) {
        loop {
            sleep(RENEW_EVERY).await;
            let until = *self.trusted_until.borrow();
            match timeout_at(until, self.acquire()).await {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) | Err(_) => return,
                Ok(Err(error)) => tracing::warn!(%error, "the relay's lease could not be renewed"),
            }
        }
    }

    pub(super) async fn release(&self) -> Result<(), DatabaseError> {
        self.trusted_until.send_replace(Instant::now());
        leases::release(&self.db, NAME, &self.holder).await
    }
}
