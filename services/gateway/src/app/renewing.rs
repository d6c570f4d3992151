//! Keeps something held for as long as somebody works on it.

use std::time::Duration;

use escriba_database::{DatabaseError, within_reason};
use tokio_util::task::AbortOnDropHandle;

/// How long a hold lasts that is not renewed: so long nobody else can go on where a gateway was killed. One that is
/// lost too soon harms nothing, because its holder can commit nothing any more.
pub(super) const HOLD: Duration = Duration::from_secs(15);
const EVERY: Duration = Duration::from_secs(4);

/// Renews a hold at intervals until what this returns is dropped. A hold that cannot be renewed runs out, which its
/// holder notices when it wants to commit.
pub(super) fn renewing<F>(renew: impl Fn() -> F + Send + 'static) -> AbortOnDropHandle<()>
where
    F: Future<Output = Result<(), DatabaseError>> + Send + 'static,
{
    AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            tokio::time::sleep(EVERY).await;
            if let Err(error) = within_reason(renew()).await {
                tracing::warn!(%error, "a hold could not be renewed");
            }
        }
    }))
}
