//! The power fails: every process is gone at once, and the disks hold what they were told to keep and no more.

use rustix::process::Signal;
use tokio::time::sleep;

use crate::{dice::Dice, world::World};

impl World {
    pub(super) async fn fail_power(&self, dice: &mut Dice) -> anyhow::Result<()> {
        // Nobody here may hold a file on those disks, or start somebody meanwhile.
        let _alone = self.power.write().await;
        self.lost_lease();
        let (disks, servers) = (self.stack.disks(), self.stack.servers());
        let mut everybody = Vec::new();
        for process in servers.iter().chain(&self.stack.processes()) {
            everybody.push(process.clone().lock_owned().await);
        }
        for process in &everybody {
            process.signal(Signal::KILL);
        }
        for process in &mut everybody {
            process.kill().await?;
        }
        for disk in &disks {
            disk.lose_power()?;
        }
        sleep(dice.millis(100, 2_000)).await;
        for disk in &disks {
            disk.regain_power().await?;
        }
        for server in &mut everybody[..servers.len()] {
            server.start()?;
        }
        self.stack.servers_ready().await?;
        for process in &mut everybody[servers.len()..] {
            process.start()?;
        }
        Ok(())
    }
}
