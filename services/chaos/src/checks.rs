//! What must hold once nothing is left to do, whatever was broken before. Looks only, at the database, the streams and
//! the storage, and compares with what clients were told.

mod events;
mod jobs;
mod objects;

use std::{collections::BTreeMap, sync::Arc};

use anyhow::ensure;
use escriba_database::{
    Database,
    jobs::{Filter, Job, Order, list},
};

use self::events::History;
use crate::{faults::Fault, world::World};

const PAGE: u64 = 200;

/// How the jobs ended.
#[derive(Debug, Default, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Tally {
    pub(crate) accepted: u32,
    pub(crate) completed: u32,
    pub(crate) failed: u32,
    pub(crate) canceled: u32,
    /// Sound recordings whose worker was taken away three times, so that they ended as `worker_crashed`.
    pub(crate) given_up: u32,
    /// Submissions that were answered with an error, or not at all.
    pub(crate) unanswered: u32,
    /// These by what was answered; 0 is nothing.
    pub(crate) refusals: BTreeMap<u16, u32>,
    /// Of these, how many are jobs all the same.
    pub(crate) unannounced: u32,
    /// Objects without a job, which the sweep removes when they are old enough.
    pub(crate) orphans: u32,
}

/// Everything that is looked at. Complaints go to the world.
pub(crate) async fn check(world: &Arc<World>, done: &[Fault]) -> anyhow::Result<Tally> {
    let database = world.stack.database().await?;
    let found = all_jobs(world, &database).await?;
    let mut tally = Tally::default();
    jobs::check(world, &database, &found, &mut tally).await?;
    objects::check(world, &found, &mut tally).await?;
    let history = if done.contains(&Fault::LoseNatsStore) { History::LOST } else { History::WHOLE };
    events::check(world, &database, &found, history).await?;
    Ok(tally)
}

/// Every job of every workspace, by the name its recording was sent under.
pub(crate) async fn all_jobs(world: &World, database: &Database) -> anyhow::Result<BTreeMap<String, Job>> {
    let mut found = BTreeMap::new();
    for caller in &world.stack.callers {
        let (filter, order) = (Filter::default(), Order::default());
        let mut behind = None;
        loop {
            let page = list(database, caller.workspace, &filter, (order, behind), PAGE).await?;
            let Some(last) = page.last() else { break };
            behind = Some(order.place_of(last));
            for job in page {
                let twin = found.insert(job.file_name.clone(), job);
                ensure!(twin.is_none(), "one submission became two jobs: {twin:?}");
            }
        }
    }
    Ok(found)
}
