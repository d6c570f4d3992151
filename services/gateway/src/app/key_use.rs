//! When keys were last used: noted at most once a minute a key, and never in the way of a request.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use escriba_database::{DatabaseError, api_keys};
use escriba_domain::ApiKeyId;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::App;

/// What was noted so lately is not noted again.
const NOTED_FOR: Duration = Duration::from_mins(1);
/// Keys that came in within this time are written together.
const WRITE_EVERY: Duration = Duration::from_secs(2);

/// The keys that came in and are not written down yet, and those that were lately.
#[derive(Debug, Default)]
pub struct KeyUse(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    due: BTreeSet<ApiKeyId>,
    noted: HashMap<ApiKeyId, Instant>,
}

impl KeyUse {
    pub(super) fn note(&self, key: ApiKeyId) {
        self.note_at(key, Instant::now());
    }

    fn note_at(&self, key: ApiKeyId, now: Instant) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.noted.get(&key).is_none_or(|noted| now.duration_since(*noted) >= NOTED_FOR) {
            seen.noted.insert(key, now);
            seen.due.insert(key);
        }
    }

    fn take_due(&self, now: Instant) -> Vec<ApiKeyId> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.noted.retain(|_, noted| now.duration_since(*noted) < NOTED_FOR);
        std::mem::take(&mut seen.due).into_iter().collect()
    }
}

/// Writes down which keys came in, until shutdown and once more then.
pub async fn run_until(app: &App, shutdown: CancellationToken) {
    loop {
        let ends = tokio::select! {
            () = sleep(WRITE_EVERY) => false,
            () = shutdown.cancelled() => true,
        };
        let due = app.key_use.take_due(Instant::now());
        // What could not be written is noted again with the key's next use in a minute.
        if !due.is_empty()
            && let Err(error) = write(app, &due).await
        {
            tracing::warn!(%error, "when keys were last used was not noted");
        }
        if ends {
            break;
        }
    }
}

async fn write(app: &App, keys: &[ApiKeyId]) -> Result<(), DatabaseError> {
    let tx = app.db.begin().await?;
    api_keys::note_used(&tx, keys).await?;
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_key_is_written_once_a_minute() {
        let (seen, key, other, start) = (KeyUse::default(), ApiKeyId::new(), ApiKeyId::new(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        for second in 0..59 {
            seen.note_at(key, after(second));
        }
        seen.note_at(other, after(30));
        assert_eq!(seen.take_due(after(59)), [key, other]);
        seen.note_at(key, after(59));
        assert_eq!(seen.take_due(after(60)), []);
        seen.note_at(key, after(60));
        seen.note_at(other, after(60));
        assert_eq!(seen.take_due(after(61)), [key]);
    }
}
