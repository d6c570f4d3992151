//! Whose turn it is. Each lane and model is a queue, which the workspaces with waiting chunks share: whoever has been
//! served least, in milliseconds of recording over its weight, is next, and inside a workspace the oldest job is. A
//! workspace that comes back is not given what it did not ask for while it was away.
//!
//! Source: start-time fair queueing (Goyal, Vin, Cheng 1996), with the least served share as the virtual time.

mod depth;
mod front;

use escriba_domain::{ChunkId, ChunkState, JobId, Lane, ModelName, WorkspaceId};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    entity::prelude::Uuid,
    sea_query::{Expr, ExprTrait, OnConflict},
};

pub use depth::{QueueDepth, Rank, depths, rank};
pub use front::{FrontJob, front};

use crate::{
    Database, DatabaseError, Transaction,
    entity::{chunk, queue, workspace},
    jobs::word,
};

/// Who is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    pub workspace: WorkspaceId,
    pub job: JobId,
    pub chunk: ChunkId,
}

/// Lets a workspace take part in the sharing of a queue, because it has a chunk waiting there.
pub async fn admit(
    tx: &Transaction,
    workspace: WorkspaceId,
    lane: Lane,
    model: &ModelName,
) -> Result<(), DatabaseError> {
    let key = (lane.to_string(), model.to_string(), workspace.as_uuid());
    let known = queue::Entity::find_by_id(key.clone()).one(&tx.inner).await?;
    if known.as_ref().is_some_and(|row| row.active) {
        return Ok(());
    }
    let least_served = of_queue(lane, model).order_by_asc(queue::Column::ServedMs).one(&tx.inner).await?;
    let now_served = least_served.map_or(0, |row| row.served_ms);
    let row = queue::ActiveModel {
        lane: Set(key.0),
        model: Set(key.1),
        workspace_id: Set(key.2),
        active: Set(true),
        served_ms: Set(known.as_ref().map_or(now_served, |row| Ord::max(row.served_ms, now_served))),
        served_at: Set(known.map_or_else(Default::default, |row| row.served_at)),
    };
    let again = OnConflict::columns([queue::Column::Lane, queue::Column::Model, queue::Column::WorkspaceId])
        .update_columns([queue::Column::Active, queue::Column::ServedMs])
        .to_owned();
    queue::Entity::insert(row).on_conflict(again).exec_without_returning(&tx.inner).await?;
    Ok(())
}

/// Whose turn it is in a queue; `None` when nobody waits. Others that ask wait until the transaction ends.
pub async fn next(tx: &Transaction, lane: Lane, model: &ModelName) -> Result<Option<Turn>, DatabaseError> {
    loop {
        // Of equals, the one that has waited longest.
        let mut query =
            of_queue(lane, model).order_by_asc(queue::Column::ServedMs).order_by_asc(queue::Column::ServedAt);
        if tx.is_postgres() {
            query = query.lock_exclusive();
        }
        let Some(row) = query.limit(1).one(&tx.inner).await? else {
            return Ok(None);
        };
        if let Some((chunk, job)) = oldest_waiting(tx, &row).await? {
            return Ok(Some(Turn { workspace: row.workspace_id.into(), job, chunk }));
        }
        let left = queue::ActiveModel { active: Set(false), ..Default::default() };
        queue::Entity::update_many().set(left).filter(is_row(&row)).exec(&tx.inner).await?;
    }
}

/// A workspace was given a turn that takes so many milliseconds of recording.
pub async fn charge(
    tx: &Transaction,
    workspace: WorkspaceId,
    (lane, model): (Lane, &ModelName),
    work_ms: u64,
) -> Result<(), DatabaseError> {
    let weight = workspace::Entity::find_by_id(workspace.as_uuid()).one(&tx.inner).await?.map_or(1, |row| row.weight);
    let cost = work_ms.cast_signed() / i64::from(Ord::max(weight, 1));
    queue::Entity::update_many()
        .col_expr(queue::Column::ServedMs, Expr::col(queue::Column::ServedMs).add(cost))
        .col_expr(queue::Column::ServedAt, Expr::value(tx.now()))
        .filter(queue::Column::Lane.eq(lane.as_str()))
        .filter(queue::Column::Model.eq(model.as_str()))
        .filter(queue::Column::WorkspaceId.eq(workspace.as_uuid()))
        .exec(&tx.inner)
        .await?;
    Ok(())
}

/// Admits every workspace with a waiting chunk that is not. [`admit`] can miss one that comes at the very moment at
/// which its queue is found empty.
pub async fn admit_forgotten(db: &Database) -> Result<(), DatabaseError> {
    let waiting: Vec<(String, String, Uuid)> = chunk::Entity::find()
        .select_only()
        .column(chunk::Column::Lane)
        .column(chunk::Column::Model)
        .column(chunk::Column::WorkspaceId)
        .filter(chunk::Column::State.eq(ChunkState::Queued.as_str()))
        .distinct()
        .into_tuple()
        .all(&db.connection)
        .await?;
    let tx = db.begin().await?;
    for (lane, model, workspace) in waiting {
        admit(&tx, workspace.into(), word("lane", &lane)?, &word("model", &model)?).await?;
    }
    tx.commit().await
}

/// The queues in which somebody takes part.
pub async fn in_use(db: &Database) -> Result<Vec<(Lane, ModelName)>, DatabaseError> {
    let queues: Vec<(String, String)> = queue::Entity::find()
        .select_only()
        .columns([queue::Column::Lane, queue::Column::Model])
        .filter(queue::Column::Active.eq(true))
        .distinct()
        .into_tuple()
        .all(&db.connection)
        .await?;
    queues.iter().map(|(lane, model)| Ok((word("lane", lane)?, word("model", model)?))).collect()
}

fn of_queue(lane: Lane, model: &ModelName) -> Select<queue::Entity> {
    queue::Entity::find()
        .filter(queue::Column::Lane.eq(lane.as_str()))
        .filter(queue::Column::Model.eq(model.as_str()))
        .filter(queue::Column::Active.eq(true))
}

fn is_row(row: &queue::Model) -> Condition {
    Condition::all()
        .add(queue::Column::Lane.eq(row.lane.as_str()))
        .add(queue::Column::Model.eq(row.model.as_str()))
        .add(queue::Column::WorkspaceId.eq(row.workspace_id))
}

async fn oldest_waiting(tx: &Transaction, row: &queue::Model) -> Result<Option<(ChunkId, JobId)>, DatabaseError> {
    let found: Option<(Uuid, Uuid)> = chunk::Entity::find()
        .select_only()
        .column(chunk::Column::Id)
        .column(chunk::Column::JobId)
        .filter(chunk::Column::State.eq(ChunkState::Queued.as_str()))
        .filter(chunk::Column::Lane.eq(row.lane.as_str()))
        .filter(chunk::Column::Model.eq(row.model.as_str()))
        .filter(chunk::Column::WorkspaceId.eq(row.workspace_id))
        .filter(chunk::Column::ReadyAt.is_null())
        .order_by_asc(chunk::Column::JobId)
        .order_by_asc(chunk::Column::Position)
        // Decides nothing, and names the index that holds what waits, and not also what was ever claimed.
        .order_by_asc(chunk::Column::Id)
        .limit(1)
        .into_tuple()
        .one(&tx.inner)
        .await?;
    Ok(found.map(|(chunk, job)| (chunk.into(), job.into())))
}
