//! After the last fault: everything runs, and is waited for until nothing is left to do. The bounds are long and only
//! turn a hang into a complaint.

use std::{sync::Arc, time::Duration};

use escriba_database::outbox;
use escriba_e2e::stack::files_below;
use tokio::time::{Instant, sleep};

use crate::{checks::all_jobs, world::World};

/// Three leases, what is looked for at intervals, and the work itself.
const JOBS: Duration = Duration::from_mins(4);
/// Two acknowledgement waits, for a bell that was delivered to somebody who had gone, and what comes after them.
const LEFTOVERS: Duration = Duration::from_secs(150);
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Waits for the jobs, then for what they leave behind.
pub(crate) async fn settle(world: &Arc<World>) -> anyhow::Result<()> {
    world.stack.ready().await?;
    let waiting = wait(JOBS, async || world.unfinished().await).await?;
    for job in waiting {
        world.complain(format!("not over after {} s: {job}", JOBS.as_secs()));
    }
    let left = wait(LEFTOVERS, async || world.leftovers().await).await?;
    for what in left {
        world.complain(format!("left behind: {what}"));
    }
    Ok(())
}

/// Looks until nothing is found. The answer is what is still found when patience runs out.
async fn wait(patience: Duration, look: impl AsyncFn() -> anyhow::Result<Vec<String>>) -> anyhow::Result<Vec<String>> {
    let given_up = Instant::now() + patience;
    loop {
        let found = look().await?;
        if found.is_empty() || Instant::now() > given_up {
            return Ok(found);
        }
        sleep(LOOK_AGAIN).await;
    }
}

impl World {
    /// What the services have still to do, or should have cleared away.
    async fn leftovers(&self) -> anyhow::Result<Vec<String>> {
        let mut left = Vec::new();
        let unsent = outbox::count(&self.stack.database().await?).await?;
        if unsent > 0 {
            left.push(format!("{unsent} messages in the outbox"));
        }
        let work = self.stack.nats.wire().await.kept("WORK", ">").await;
        left.extend(work.iter().map(|bell| format!("{} on WORK, {:?}", bell.subject, bell.headers)));
        let temporary = files_below(self.stack.temporary.path());
        if !temporary.is_empty() {
            left.push(format!("temporary files: {temporary:?}"));
        }
        Ok(left)
    }

    async fn unfinished(&self) -> anyhow::Result<Vec<String>> {
        let found = all_jobs(self, &self.stack.database().await?).await?;
        let unfinished = found.values().filter(|job| !job.state.is_terminal());
        Ok(unfinished.map(|job| format!("{} ({}) is {}", job.file_name, job.id, job.state)).collect())
    }
}
