//! Many clients at once, each of which asks again as soon as it was answered.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

/// When to stop asking.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    /// So many requests of each client.
    Each(usize),
    /// So long.
    Over(Duration),
}

/// How long each request took.
pub(crate) async fn ask(clients: usize, until: Until, request: impl AsyncFn()) -> Vec<Duration> {
    let begun = Instant::now();
    let client = async || {
        let mut times = Vec::new();
        while goes_on(until, times.len(), begun) {
            let asked = Instant::now();
            request().await;
            times.push(asked.elapsed());
        }
        times
    };
    join_all((0..clients).map(|_| client())).await.concat()
}

fn goes_on(until: Until, asked: usize, begun: Instant) -> bool {
    match until {
        Until::Each(count) => asked < count,
        Until::Over(time) => begun.elapsed() < time,
    }
}
