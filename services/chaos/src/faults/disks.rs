//! Disks that are full for a while: recordings cannot be stored, messages cannot be kept, work has no room.

use tokio::time::sleep;

use crate::{dice::Dice, world::World};

impl World {
    pub(super) async fn fill_disk(&self, dice: &mut Dice) -> anyhow::Result<()> {
        let _not_unplugged = self.power.read().await;
        let time = dice.millis(2_000, 7_000);
        let disk = match dice.below(3) {
            0 => return self.stack.nats.run_full(time).await,
            1 => &self.stack.storage,
            _ => &self.stack.temporary,
        };
        disk.fill()?;
        sleep(time).await;
        disk.make_room()?;
        Ok(())
    }
}
