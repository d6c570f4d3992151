//! Long reading, hashing and converting, kept off the thread that watches downloads and signals.

use std::panic;

/// Runs `work` on a blocking thread; a panic there goes on here.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(stopped) => panic::resume_unwind(stopped.into_panic()),
    }
}
