//! NATS and the database go away for a while.

use escriba_database::Database;
use rustix::process::Signal;
use tokio::time::sleep;

use crate::{dice::Dice, house::House, world::World};

impl World {
    pub(super) async fn restart_nats(&self, dice: &mut Dice) -> anyhow::Result<()> {
        let signal = *dice.pick(&[Signal::TERM, Signal::KILL]);
        self.stack.nats.restart(signal, dice.millis(100, 5_000)).await
    }

    /// `PostgreSQL` ends all sessions at once; a `SQLite` file is locked against writing.
    pub(super) async fn take_database_away(&self, dice: &mut Dice) -> anyhow::Result<()> {
        match &self.stack.house {
            House::Postgres { server, .. } => server.restart(dice.millis(100, 4_000)).await,
            House::Sqlite { .. } => {
                let _not_unplugged = self.power.read().await;
                let locking = Database::connect(&self.stack.database_url).await?.begin().await?;
                sleep(dice.millis(5_000, 12_000)).await;
                drop(locking);
                Ok(())
            }
        }
    }
}
