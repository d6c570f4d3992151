//! When a process should stop. Turns signals into one token that every task watches; what stopping means, and in
//! which order, is each service's own business.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What a shell reports for a process ended by Ctrl-C: 128 plus the number of SIGINT.
const INTERRUPTED: i32 = 130;

/// A token that SIGINT or SIGTERM cancels. A second signal ends the process at once with code 130, for an operator
/// who does not want to wait for the drain.
///
/// Call it once, inside the Tokio runtime. A signal that arrives after it returns is never lost.
pub fn shutdown_on_signal() -> CancellationToken {
    let mut interrupt = listen(SignalKind::interrupt());
    let mut terminate = listen(SignalKind::terminate());
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    tokio::spawn(async move {
        let name = either(&mut interrupt, &mut terminate).await;
        tracing::info!(signal = name, "stopping; a second signal stops at once");
        token.cancel();
        let name = either(&mut interrupt, &mut terminate).await;
        tracing::warn!(signal = name, "stopping at once");
        std::process::exit(INTERRUPTED);
    });
    shutdown
}

fn listen(kind: SignalKind) -> Signal {
    signal(kind).expect("SIGINT and SIGTERM can be listened to inside a Tokio runtime")
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) -> &'static str {
    tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
    }
}
