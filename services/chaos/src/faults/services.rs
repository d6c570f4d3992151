//! Gateways and transcribers that are killed, frozen, or told to stop.

use std::time::Duration;

use bytes::Bytes;
use escriba_domain::JobId;
use futures_util::{StreamExt, stream};
use reqwest::{
    Body, Method,
    multipart::{Form, Part},
};
use rustix::process::Signal;
use tokio::{
    sync::oneshot,
    time::{sleep, timeout},
};

use crate::{caller, dice::Dice, ledger::Outcome, process::Shared, stack::DRAIN, world::World};

/// Longer than a lease, so that the chunk is another's when the worker wakes up.
const FROZEN_MS: (usize, usize) = (33_000, 42_000);
/// Half of it is more than storage takes in one piece.
const UPLOAD: usize = 24 << 20;
const WATCH: Duration = Duration::from_millis(3);

impl World {
    pub(super) async fn kill_transcriber(&self, dice: &mut Dice) -> anyhow::Result<()> {
        self.lost_lease();
        kill(dice.pick(&self.stack.transcribers), dice).await
    }

    pub(super) async fn freeze_transcriber(&self, dice: &mut Dice) -> anyhow::Result<()> {
        self.lost_lease();
        freeze(dice.pick(&self.stack.transcribers), dice.millis(FROZEN_MS.0, FROZEN_MS.1)).await;
        Ok(())
    }

    pub(super) async fn freeze_gateway(&self, dice: &mut Dice) -> anyhow::Result<()> {
        freeze(dice.pick(&self.stack.gateways), dice.millis(4_000, 14_000)).await;
        Ok(())
    }

    pub(super) async fn kill_gateway(&self, dice: &mut Dice) -> anyhow::Result<()> {
        kill(dice.pick(&self.stack.gateways), dice).await
    }

    /// The moment a client hears that its job is accepted, its messages may not have left the outbox.
    pub(super) async fn kill_gateway_after_accepting(&self, dice: &mut Dice) -> anyhow::Result<()> {
        let before = self.ledger.accepted().len();
        let accepted = async {
            while self.ledger.accepted().len() == before {
                sleep(WATCH).await;
            }
        };
        timeout(DRAIN / 6, accepted).await.ok();
        for gateway in &self.stack.gateways {
            kill(gateway, dice).await?;
        }
        Ok(())
    }

    /// Half of a recording is sent, and the gateway is gone: there must be no job and, in the end, no object.
    pub(super) async fn kill_gateway_in_upload(&self, dice: &mut Dice) -> anyhow::Result<()> {
        let (workspace, gateway) = (dice.below(self.stack.callers.len()), dice.below(self.stack.gateways.len()));
        let name = format!("{}-half.wav", JobId::new());
        let number = self.ledger.enter(name.clone(), 0, workspace);
        self.ledger.note(number, |entry| entry.outcome = Outcome::Unfinished);
        let (killed, wait) = oneshot::channel::<()>();
        let half = Bytes::from(vec![1; UPLOAD / 2]);
        let first = stream::iter([Ok::<_, std::io::Error>(half)]);
        // The other half never comes.
        let rest = stream::once(async move {
            wait.await.ok();
            Err(std::io::Error::other("the client gives up"))
        });
        let part = Part::stream_with_length(Body::wrap_stream(first.chain(rest)), UPLOAD as u64).file_name(name);
        let caller = &self.stack.callers[workspace];
        let request = caller.request(gateway, Method::POST, "/v1/jobs").multipart(Form::new().part("media", part));
        let sending = tokio::spawn(caller::send(request));
        sleep(dice.millis(50, 400)).await;
        kill(&self.stack.gateways[gateway], dice).await?;
        killed.send(()).ok();
        let answer = sending.await?;
        if answer.status() == Some(202) {
            self.complain("half a recording was accepted".to_owned());
        }
        Ok(())
    }

    /// As an orchestrator takes a replica away.
    pub(super) async fn drain(&self, dice: &mut Dice) -> anyhow::Result<()> {
        let all = self.stack.processes();
        self.restart_gently(dice.pick(&all)).await
    }

    /// As a deployment does it: one after the other, each once the one before works again.
    pub(super) async fn rolling_restart(&self) -> anyhow::Result<()> {
        for process in self.stack.processes() {
            self.restart_gently(&process).await?;
            // Others may be broken for reasons of their own.
            timeout(DRAIN / 3, self.stack.ready()).await.ok();
        }
        Ok(())
    }

    async fn restart_gently(&self, process: &Shared) -> anyhow::Result<()> {
        let mut process = process.lock().await;
        if process.is_alive() && !process.stop(DRAIN).await? {
            self.complain(format!("{} did not end well when it was told to stop", process.name()));
        }
        process.start()
    }
}

/// Kills it, and starts it again after a while.
async fn kill(process: &Shared, dice: &mut Dice) -> anyhow::Result<()> {
    let mut process = process.lock().await;
    process.kill().await?;
    sleep(dice.millis(50, 3_000)).await;
    process.start()
}

/// It holds everything it has and does nothing, and then goes on as if no time had passed.
async fn freeze(process: &Shared, time: Duration) {
    let process = process.lock().await;
    process.signal(Signal::STOP);
    sleep(time).await;
    process.signal(Signal::CONT);
}
