//! Waiting for what other tasks and processes bring about. Nothing is concluded from how long it takes; the bound
//! only turns a hang into a failure that says what was waited for.

use std::time::Duration;

/// Far longer than anything waited for takes, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(1);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Looks until there is something to see, and gives it back. Panics with `what` when patience runs out.
///
/// A condition without a value is `condition.then_some(())`.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let seen = tokio::time::timeout(PATIENCE, looking).await;
    seen.unwrap_or_else(|_| panic!("waited {} s in vain: {what}", PATIENCE.as_secs()))
}
