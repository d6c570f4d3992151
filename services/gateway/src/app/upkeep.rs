//! What nobody asks for and yet must happen: workers that fell silent are replaced, chunks that were put off are rung
//! for, and bells that were lost ring again. Any number of gateways may do this at once: the rows' locks let only one of
//! them act, and a bell too many is harmless.

use std::{collections::HashMap, time::Duration};

use escriba_database::{DatabaseError, chunks, jobs, queues, within_reason};
use escriba_domain::{ChunkState, Lane, ModelName};
use escriba_events::WorkItem;
use escriba_messaging::LostSight;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    App,
    bells::{self, BellsError},
    hold::RECONNECT_TIME,
    requeue_silent::requeue_silent,
};

const EVERY: Duration = Duration::from_secs(2);
/// Bells on their way make a queue look short of some, so it is looked at twice.
const COUNT_EVERY: Duration = Duration::from_secs(10);
const BATCH: u64 = 1_000;

/// Looks at regular intervals until shutdown.
pub async fn run_until(app: &App, shutdown: CancellationToken) {
    let (mut missing, mut lost_sight) = (HashMap::new(), LostSight::default());
    let mut counted = Instant::now();
    // While no gateway or no database was there, no lease could be renewed: live workers get the time to say so.
    let mut trusted_from = Instant::now() + RECONNECT_TIME;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let looked = within_reason(look(app, Instant::now() >= trusted_from)).await;
        if let Err(error) = looked {
            tracing::warn!(%error, "silent workers could not be looked for");
            trusted_from = Instant::now() + RECONNECT_TIME;
        }
        if counted.elapsed() >= COUNT_EVERY {
            counted = Instant::now();
            if let Err(error) = app.messaging.find_lost_work(&mut lost_sight).await {
                tracing::debug!(%error, "lost work could not be looked for");
            }
            if let Err(error) = ring_lost(app, &mut missing).await {
                tracing::warn!(%error, "bells could not be counted");
            }
        }
    }
}

async fn look(app: &App, leases_are_trusted: bool) -> Result<(), DatabaseError> {
    app.db.ping().await?;
    if leases_are_trusted {
        requeue_silent(app).await?;
    }
    ring_due(app).await
}

/// Rings for the chunks that were put off and whose time has come.
pub async fn ring_due(app: &App) -> Result<(), DatabaseError> {
    for seen in chunks::due(&app.db, BATCH).await? {
        let tx = app.db.begin().await?;
        let Some(job) = jobs::lock(&tx, seen.job).await? else { continue };
        let Some(chunk) = chunks::lock(&tx, seen.id).await? else { continue };
        if chunk.state != ChunkState::Queued || chunk.ready_at.is_none_or(|ready| ready > tx.now()) {
            continue;
        }
        chunks::ring(&tx, &chunk).await?;
        bells::ring(&tx, &WorkItem { ring: chunk.ring + 1, ..bells::item(&chunk) }, &job.trace).await?;
        tx.commit().await?;
    }
    Ok(())
}

type Missing = HashMap<(Lane, ModelName), u64>;

/// Rings for chunks without a bell, where some were missing the last time too.
async fn ring_lost(app: &App, missing: &mut Missing) -> Result<(), BellsError> {
    within_reason(queues::admit_forgotten(&app.db)).await?;
    let mut seen = Missing::new();
    for (lane, model) in within_reason(queues::in_use(&app.db)).await? {
        let before = missing.get(&(lane, model.clone())).copied().unwrap_or(0);
        let now = bells::ring_missing(app, lane, &model, before).await?;
        seen.insert((lane, model), now.saturating_sub(before));
    }
    *missing = seen;
    Ok(())
}
