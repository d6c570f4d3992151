//! Ctrl-C and SIGTERM, turned into two signals of our own: the first asks to stop in order, the second to stop at
//! once. It must not end the process itself: whoever holds work decides what stopping means.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What the person at the terminal has asked for so far.
#[derive(Debug, Clone)]
pub(crate) struct Interrupts {
    /// Cancelled at the first Ctrl-C or SIGTERM.
    pub(crate) stop: CancellationToken,
    /// Cancelled at the second.
    pub(crate) kill: CancellationToken,
}

impl Interrupts {
    /// Takes over Ctrl-C and SIGTERM until the process ends.
    pub(crate) fn listen() -> io::Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let interrupts = Self { stop: CancellationToken::new(), kill: CancellationToken::new() };
        let asked = interrupts.clone();
        tokio::spawn(async move {
            either(&mut interrupt, &mut terminate).await;
            asked.stop.cancel();
            either(&mut interrupt, &mut terminate).await;
            asked.kill.cancel();
        });
        Ok(interrupts)
    }
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
