//! Bells: the work items on JetStream. One tells workers that a chunk waits in a queue; which chunk the worker then gets
//! is the claim's business, so the bells of a queue stand for each other. At least as many must ring as chunks wait;
//! one too many is refused and forgotten.

use escriba_database::{
    DatabaseError, Transaction,
    chunks::{self, Chunk},
    jobs::Job,
    outbox, queues,
};
use escriba_domain::{Lane, ModelName};
use escriba_events::{Headers, WorkItem, work_message};

use super::App;

/// So many bells are rung in one transaction.
const BATCH: u64 = 1_000;

/// Rings for a chunk that has just become claimable.
pub(super) async fn ring(tx: &Transaction, item: &WorkItem, trace: &Headers) -> Result<(), DatabaseError> {
    outbox::append(tx, work_message(item, trace)).await?;
    queues::admit(tx, item.workspace_id, item.lane, &item.model).await
}

pub(super) fn item(chunk: &Chunk) -> WorkItem {
    WorkItem {
        workspace_id: chunk.workspace,
        job_id: chunk.job,
        chunk_id: chunk.id,
        lane: chunk.lane,
        model: chunk.model.clone(),
        ring: chunk.ring,
    }
}

/// Takes the bells of a job that is over off JetStream. Some of them may have stood for other jobs' chunks, so these
/// are rung for. What fails here is made good by the upkeep.
pub(super) async fn silence(app: &App, job: &Job) {
    let (lane, model) = (job.options.lane, &job.options.model);
    match app.messaging.purge_work(lane, model, job.id).await {
        Ok(0) => {}
        Ok(removed) => {
            tracing::debug!(job = %job.id, removed, "took bells off the queue");
            if let Err(error) = ring_missing(app, lane, model, u64::MAX).await {
                tracing::warn!(%error, "bells could not be counted");
            }
        }
        Err(error) => tracing::warn!(%error, job = %job.id, "bells of a job that is over were left on the queue"),
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum BellsError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Messaging(#[from] escriba_messaging::MessagingError),
}

/// Rings for so many chunks of a queue as have no bell, `at_most` of them, and says how many have none.
pub(super) async fn ring_missing(app: &App, lane: Lane, model: &ModelName, at_most: u64) -> Result<u64, BellsError> {
    let missing = count_missing(app, lane, model).await?;
    let wanted = missing.min(at_most);
    let mut rung = 0;
    while rung < wanted {
        let page = (rung, BATCH.min(wanted - rung));
        let waiting = chunks::waiting(&app.db, lane, model, page).await?;
        if waiting.is_empty() {
            break;
        }
        rung += waiting.len() as u64;
        let tx = app.db.begin().await?;
        let bells = waiting.iter().map(|chunk| work_message(&item(chunk), &Headers::new()));
        outbox::append_all(&tx, bells.collect()).await?;
        tx.commit().await?;
    }
    if rung > 0 {
        tracing::warn!(%lane, %model, rung, "rang for chunks whose bells were lost");
    }
    Ok(missing)
}

async fn count_missing(app: &App, lane: Lane, model: &ModelName) -> Result<u64, BellsError> {
    let queued = chunks::count_waiting(&app.db, lane, model).await?;
    if queued == 0 {
        return Ok(0);
    }
    let on_the_way = outbox::count_work(&app.db, lane, model).await?;
    let depth = app.messaging.work_depth(lane, model).await?;
    Ok(queued.saturating_sub(on_the_way + depth.waiting))
}
