//! Tenants, and how long each keeps what it sent and what it got.

use chrono::{DateTime, Utc};
use escriba_domain::WorkspaceId;
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder,
};

use crate::{Database, DatabaseError, Transaction, entity::workspace};

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    pub id: WorkspaceId,
    pub name: String,
    /// How large its share of a queue is, beside those of others.
    pub weight: u32,
    /// Days after a job's end for which its recording is kept; `None`: for ever.
    pub keep_media_days: Option<u32>,
    /// Days after a job's end for which it is kept with its transcript; `None`: for ever.
    pub keep_transcripts_days: Option<u32>,
    pub created_at: DateTime<Utc>,
}

pub async fn create(tx: &Transaction, name: &str) -> Result<WorkspaceId, DatabaseError> {
    let id = WorkspaceId::new();
    let row = workspace::ActiveModel {
        id: Set(id.as_uuid()),
        name: Set(name.to_owned()),
        created_at: Set(tx.now()),
        weight: NotSet,
        keep_media_days: NotSet,
        keep_transcripts_days: NotSet,
    };
    workspace::Entity::insert(row).exec_without_returning(&tx.inner).await?;
    Ok(id)
}

/// The oldest workspace: on a single machine, the only one.
pub async fn first(tx: &Transaction) -> Result<Option<WorkspaceId>, DatabaseError> {
    let row = workspace::Entity::find().order_by_asc(workspace::Column::Id).one(&tx.inner).await?;
    Ok(row.map(|row| row.id.into()))
}

/// How large the workspace's share of a queue is, beside those of others; 1 at first.
pub async fn set_weight(tx: &Transaction, id: WorkspaceId, weight: u32) -> Result<(), DatabaseError> {
    let weight = i32::try_from(weight.max(1)).unwrap_or(i32::MAX);
    update(tx, id, workspace::ActiveModel { weight: Set(weight), ..unchanged() }).await
}

/// All workspaces, the oldest first.
pub async fn list(db: &Database) -> Result<Vec<Workspace>, DatabaseError> {
    let rows = workspace::Entity::find().order_by_asc(workspace::Column::Id).all(&db.connection).await?;
    Ok(rows.into_iter().map(from_row).collect())
}

/// Keeps recordings for so many days after their job's end, or for ever.
pub async fn keep_media(tx: &Transaction, id: WorkspaceId, days: Option<u32>) -> Result<(), DatabaseError> {
    let row = workspace::ActiveModel { keep_media_days: Set(days.map(u32::cast_signed)), ..unchanged() };
    update(tx, id, row).await
}

/// Keeps jobs with their transcripts for so many days after their end, or for ever.
pub async fn keep_transcripts(tx: &Transaction, id: WorkspaceId, days: Option<u32>) -> Result<(), DatabaseError> {
    let row = workspace::ActiveModel { keep_transcripts_days: Set(days.map(u32::cast_signed)), ..unchanged() };
    update(tx, id, row).await
}

async fn update(tx: &Transaction, id: WorkspaceId, row: workspace::ActiveModel) -> Result<(), DatabaseError> {
    workspace::Entity::update_many().set(row).filter(workspace::Column::Id.eq(id.as_uuid())).exec(&tx.inner).await?;
    Ok(())
}

fn unchanged() -> workspace::ActiveModel {
    <workspace::ActiveModel as ActiveModelTrait>::default()
}

pub(crate) fn from_row(row: workspace::Model) -> Workspace {
    Workspace {
        id: row.id.into(),
        name: row.name,
        weight: row.weight.max(1).cast_unsigned(),
        keep_media_days: row.keep_media_days.map(i32::cast_unsigned),
        keep_transcripts_days: row.keep_transcripts_days.map(i32::cast_unsigned),
        created_at: row.created_at,
    }
}
