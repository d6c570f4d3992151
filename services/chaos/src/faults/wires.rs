//! Networks that are slow, silent, one-way or cut.

use tokio::time::sleep;

use crate::{dice::Dice, proxy::Weather, world::World};

impl World {
    pub(super) async fn break_wire(&self, dice: &mut Dice) -> anyhow::Result<()> {
        let to_gateway = dice.percent(50);
        let wires = if to_gateway { &self.stack.report_wires } else { &self.stack.nats_wires };
        let wire = dice.pick(wires);
        let (weather, time) = match dice.below(5) {
            0 => (Weather::Slow(dice.millis(50, 400)), dice.millis(4_000, 15_000)),
            1 => (Weather::Deaf, dice.millis(3_000, 20_000)),
            2 => (Weather::Silent, dice.millis(3_000, 15_000)),
            // Longer than a lease.
            3 => (Weather::Silent, dice.millis(33_000, 40_000)),
            _ => (Weather::Cut, dice.millis(500, 12_000)),
        };
        if to_gateway {
            self.lost_lease();
        }
        wire.set(weather);
        sleep(time).await;
        wire.set(Weather::Clear);
        Ok(())
    }
}
