//! How much waits in the queues, and where in one a job stands.

use escriba_domain::{ChunkState, JobId, Lane, ModelName, WorkspaceId};
use sea_orm::{
    ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QuerySelect,
    entity::prelude::Uuid,
    sea_query::{Alias, Expr, ExprTrait},
};

use crate::{
    Database, DatabaseError,
    entity::{chunk, workspace},
    jobs::word,
};

/// What one workspace has in one queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueDepth {
    pub lane: Lane,
    pub model: ModelName,
    pub workspace: WorkspaceId,
    pub weight: u32,
    /// Chunks that wait.
    pub waiting: u64,
    /// Chunks that workers hold.
    pub running: u64,
    /// Milliseconds of recording in the waiting chunks whose length is known…
    pub known_ms: u64,
    /// …and how many of them have a length that is not.
    pub unknown: u64,
}

/// What waits and what runs, by queue and workspace.
pub async fn depths(db: &Database) -> Result<Vec<QueueDepth>, DatabaseError> {
    #[derive(FromQueryResult)]
    struct Row {
        lane: String,
        model: String,
        workspace_id: Uuid,
        state: String,
        count: i64,
        work_ms: i64,
        unknown: i64,
    }
    let work = Expr::col(chunk::Column::WorkMs);
    let rows = chunk::Entity::find()
        .select_only()
        .columns([chunk::Column::Lane, chunk::Column::Model, chunk::Column::WorkspaceId, chunk::Column::State])
        .column_as(chunk::Column::Id.count(), "count")
        // PostgreSQL adds bigints up to a numeric.
        .expr_as(work.clone().sum().cast_as(Alias::new("bigint")), "work_ms")
        .expr_as(Expr::case(work.eq(0), 1).finally(0).sum().cast_as(Alias::new("bigint")), "unknown")
        .filter(chunk::Column::State.is_in([ChunkState::Queued.as_str(), ChunkState::Running.as_str()]))
        .group_by(chunk::Column::Lane)
        .group_by(chunk::Column::Model)
        .group_by(chunk::Column::WorkspaceId)
        .group_by(chunk::Column::State)
        .into_model::<Row>()
        .all(&db.connection)
        .await?;
    let weights = weights(db, rows.iter().map(|row| row.workspace_id)).await?;
    let mut depths: Vec<QueueDepth> = Vec::new();
    for row in rows {
        let (lane, model): (Lane, ModelName) = (word("lane", &row.lane)?, word("model", &row.model)?);
        let workspace = WorkspaceId::from(row.workspace_id);
        let same = |depth: &QueueDepth| depth.lane == lane && depth.model == model && depth.workspace == workspace;
        let at = depths.iter().position(same).unwrap_or_else(|| {
            let weight = weights.get(&row.workspace_id).copied().unwrap_or(1);
            depths.push(QueueDepth { lane, model, workspace, weight, waiting: 0, running: 0, known_ms: 0, unknown: 0 });
            depths.len() - 1
        });
        if row.state == ChunkState::Queued.as_str() {
            depths[at].waiting = row.count.cast_unsigned();
            depths[at].known_ms = row.work_ms.cast_unsigned();
            depths[at].unknown = row.unknown.cast_unsigned();
        } else {
            depths[at].running = row.count.cast_unsigned();
        }
    }
    Ok(depths)
}

async fn weights(
    db: &Database,
    workspaces: impl Iterator<Item = Uuid>,
) -> Result<std::collections::HashMap<Uuid, u32>, DatabaseError> {
    let rows: Vec<(Uuid, i32)> = workspace::Entity::find()
        .select_only()
        .columns([workspace::Column::Id, workspace::Column::Weight])
        .filter(workspace::Column::Id.is_in(workspaces))
        .into_tuple()
        .all(&db.connection)
        .await?;
    Ok(rows.into_iter().map(|(id, weight)| (id, Ord::max(weight, 1).cast_unsigned())).collect())
}

/// Where a job stands among its own workspace's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rank {
    /// Chunks of the workspace's older jobs that wait in the same queue.
    pub before: u64,
    /// Milliseconds of recording in these whose length is known…
    pub known_ms: u64,
    /// …and how many of them have a length that is not.
    pub unknown: u64,
}

/// What waits before this job's first waiting chunk, of its own workspace.
pub async fn rank(
    db: &Database,
    workspace: WorkspaceId,
    (lane, model): (Lane, &ModelName),
    job: JobId,
) -> Result<Rank, DatabaseError> {
    #[derive(FromQueryResult)]
    struct Row {
        count: i64,
        work_ms: Option<i64>,
        unknown: Option<i64>,
    }
    let work = Expr::col(chunk::Column::WorkMs);
    let row = chunk::Entity::find()
        .select_only()
        .column_as(chunk::Column::Id.count(), "count")
        .expr_as(work.clone().sum().cast_as(Alias::new("bigint")), "work_ms")
        .expr_as(Expr::case(work.eq(0), 1).finally(0).sum().cast_as(Alias::new("bigint")), "unknown")
        .filter(chunk::Column::State.eq(ChunkState::Queued.as_str()))
        .filter(chunk::Column::Lane.eq(lane.as_str()))
        .filter(chunk::Column::Model.eq(model.as_str()))
        .filter(chunk::Column::WorkspaceId.eq(workspace.as_uuid()))
        .filter(chunk::Column::JobId.lt(job.as_uuid()))
        .into_model::<Row>()
        .one(&db.connection)
        .await?
        .ok_or_else(|| DatabaseError::corrupt("queue", &"no row"))?;
    Ok(Rank {
        before: row.count.cast_unsigned(),
        known_ms: row.work_ms.unwrap_or_default().cast_unsigned(),
        unknown: row.unknown.unwrap_or_default().cast_unsigned(),
    })
}
