//! What is done to the stack while it works. Each fault ends what it began before it returns, so that once all have
//! returned, nothing is broken any more. The numbers are the rows of the table in docs/reliability.md.

mod disks;
mod doubles;
mod power;
mod servers;
mod services;
mod wires;

use std::sync::Arc;

use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{dice::Dice, world::World};

/// How many faults a seed gets at least, and how many more at most.
const LEAST: usize = 5;
const MORE: usize = 5;
/// Faults begin in these milliseconds of the load.
const FROM: usize = 1_000;
const TO: usize = 18_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    KillTranscriber,
    FreezeTranscriber,
    DoubleBells,
    KillGatewayInUpload,
    KillGatewayAfterAccepting,
    KillGateway,
    RestartNats,
    LoseNatsStore,
    TakeDatabaseAway,
    FillDisk,
    RepeatOutbox,
    Poison,
    StallReader,
    SkewClock,
    BreakWire,
    Drain,
    FailPower,
    FreezeGateway,
    RollingRestart,
    Cancel,
}

impl Fault {
    /// Those that happen by themselves; the others come with the load.
    const INJECTED: [Self; 16] = [
        Self::KillTranscriber,
        Self::FreezeTranscriber,
        Self::DoubleBells,
        Self::KillGatewayInUpload,
        Self::KillGatewayAfterAccepting,
        Self::KillGateway,
        Self::RestartNats,
        Self::LoseNatsStore,
        Self::TakeDatabaseAway,
        Self::FillDisk,
        Self::RepeatOutbox,
        Self::BreakWire,
        Self::Drain,
        Self::FailPower,
        Self::FreezeGateway,
        Self::RollingRestart,
    ];

    /// The row of the table of faults.
    pub(crate) const fn row(self) -> &'static str {
        match self {
            Self::KillTranscriber => "F1",
            Self::FreezeTranscriber => "F2",
            Self::DoubleBells => "F3",
            Self::KillGatewayInUpload => "F4",
            Self::KillGatewayAfterAccepting => "F5",
            Self::KillGateway => "F6",
            Self::RestartNats => "F7",
            Self::LoseNatsStore => "F8",
            Self::TakeDatabaseAway => "F9",
            Self::FillDisk => "F10",
            Self::RepeatOutbox => "F11",
            Self::Poison => "F12",
            Self::StallReader => "F13",
            Self::SkewClock => "F14",
            Self::BreakWire => "F15",
            Self::Drain => "F16",
            Self::FailPower => "F17",
            Self::FreezeGateway => "F18",
            Self::RollingRestart => "F19",
            Self::Cancel => "F20",
        }
    }

    /// Whether it can be done to this stack.
    fn fits(self, world: &World) -> bool {
        match self {
            Self::FillDisk | Self::FailPower => world.stack.storage.is_disk(),
            // Alone, a frozen gateway is only an absent one.
            Self::FreezeGateway => world.stack.gateways.len() > 1,
            _ => true,
        }
    }
}

/// Does a seed's faults, side by side, and ends with the last of them. The answer is what was done.
pub(crate) async fn run(world: &Arc<World>, mut dice: Dice, without: &[String]) -> Vec<Fault> {
    let mut faults: Vec<_> = Fault::INJECTED.into_iter().filter(|fault| fault.fits(world)).collect();
    dice.shuffle(&mut faults);
    faults.truncate(LEAST + dice.below(MORE));
    faults.retain(|fault| !without.iter().any(|row| row == fault.row()));
    let begun = Instant::now();
    let mut running = JoinSet::new();
    for fault in faults {
        let (world, at, dice) = (world.clone(), begun + dice.millis(FROM, TO), dice.fork());
        running.spawn(async move {
            sleep_until(at).await;
            match world.inject(fault, dice).await {
                Ok(()) => Some(fault),
                Err(error) => {
                    world.complain(format!("{fault:?} could not be done: {error:#}"));
                    None
                }
            }
        });
    }
    let mut done = Vec::new();
    while let Some(ended) = running.join_next().await {
        // One that met another fault half-way, such as a stream that is just gone, has not happened.
        done.extend(ended.ok().flatten());
    }
    done.sort();
    done
}

impl World {
    async fn inject(&self, fault: Fault, mut dice: Dice) -> anyhow::Result<()> {
        let dice = &mut dice;
        match fault {
            Fault::KillTranscriber => self.kill_transcriber(dice).await,
            Fault::FreezeTranscriber => self.freeze_transcriber(dice).await,
            Fault::DoubleBells => self.double_bells().await,
            Fault::KillGatewayInUpload => self.kill_gateway_in_upload(dice).await,
            Fault::KillGatewayAfterAccepting => self.kill_gateway_after_accepting(dice).await,
            Fault::KillGateway => self.kill_gateway(dice).await,
            Fault::RestartNats => self.restart_nats(dice).await,
            Fault::LoseNatsStore => self.stack.nats.lose_store(dice.millis(100, 3_000)).await,
            Fault::TakeDatabaseAway => self.take_database_away(dice).await,
            Fault::FillDisk => self.fill_disk(dice).await,
            Fault::RepeatOutbox => self.repeat_outbox(dice).await,
            Fault::BreakWire => self.break_wire(dice).await,
            Fault::Drain => self.drain(dice).await,
            Fault::FailPower => self.fail_power(dice).await,
            Fault::FreezeGateway => self.freeze_gateway(dice).await,
            Fault::RollingRestart => self.rolling_restart().await,
            // These come with the load or with the stack.
            Fault::Poison | Fault::StallReader | Fault::SkewClock | Fault::Cancel => Ok(()),
        }
    }
}
