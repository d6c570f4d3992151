//! What a workspace's terms give it. Who has none, or whose have ended, is limited by the server's settings alone.

use escriba_domain::WorkspaceId;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter, QuerySelect, Select,
};
use uuid::Uuid;

use crate::{Database, DatabaseError, Transaction, api_keys::has_ended, entity::licence};

/// `None` is not limited here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    pub max_upload_bytes: Option<u64>,
    /// Milliseconds of a recording.
    pub max_audio_ms: Option<u64>,
    /// Jobs that wait or run.
    pub max_unfinished_jobs: Option<u32>,
    /// For each key. 0: as many as it likes, whatever the server's setting says.
    pub requests_per_minute: Option<u32>,
}

pub async fn find(db: &Database, workspace: WorkspaceId) -> Result<Limits, DatabaseError> {
    let Some(row) = of(workspace).one(&db.connection).await? else { return Ok(Limits::default()) };
    if row.valid_until.is_some() && has_ended(row.valid_until, db.now().await?) {
        return Ok(Limits::default());
    }
    Ok(from_row(&row))
}

/// The workspace's limits, within a transaction. Others that ask so wait until it ends: what they count holds.
pub async fn lock(tx: &Transaction, workspace: WorkspaceId) -> Result<Limits, DatabaseError> {
    let mut query = of(workspace);
    if tx.is_postgres() {
        query = query.lock_exclusive();
    }
    Ok(in_force(query.one(&tx.inner).await?, tx))
}

/// The workspace's limits as a transaction sees them.
pub async fn find_in(tx: &Transaction, workspace: WorkspaceId) -> Result<Limits, DatabaseError> {
    Ok(in_force(of(workspace).one(&tx.inner).await?, tx))
}

/// Replaces all of the workspace's limits. They hold from now on, without an end.
pub async fn set(tx: &Transaction, workspace: WorkspaceId, limits: &Limits) -> Result<(), DatabaseError> {
    let row = licence::ActiveModel {
        id: NotSet,
        workspace_id: NotSet,
        max_upload_bytes: Set(limits.max_upload_bytes.map(u64::cast_signed)),
        max_audio_ms: Set(limits.max_audio_ms.map(u64::cast_signed)),
        max_unfinished_jobs: Set(limits.max_unfinished_jobs.map(u32::cast_signed)),
        requests_per_minute: Set(limits.requests_per_minute.map(u32::cast_signed)),
        valid_from: Set(tx.now()),
        valid_until: Set(None),
    };
    let changed = licence::Entity::update_many()
        .set(row.clone())
        .filter(licence::Column::WorkspaceId.eq(workspace.as_uuid()))
        .exec(&tx.inner)
        .await?;
    if changed.rows_affected == 0 {
        let new = licence::ActiveModel { id: Set(Uuid::now_v7()), workspace_id: Set(workspace.as_uuid()), ..row };
        licence::Entity::insert(new).exec_without_returning(&tx.inner).await?;
    }
    Ok(())
}

fn in_force(row: Option<licence::Model>, tx: &Transaction) -> Limits {
    row.filter(|row| !has_ended(row.valid_until, tx.now())).as_ref().map(from_row).unwrap_or_default()
}

fn of(workspace: WorkspaceId) -> Select<licence::Entity> {
    licence::Entity::find().filter(licence::Column::WorkspaceId.eq(workspace.as_uuid()))
}

fn from_row(row: &licence::Model) -> Limits {
    Limits {
        max_upload_bytes: row.max_upload_bytes.map(i64::cast_unsigned),
        max_audio_ms: row.max_audio_ms.map(i64::cast_unsigned),
        max_unfinished_jobs: row.max_unfinished_jobs.map(i32::cast_unsigned),
        requests_per_minute: row.requests_per_minute.map(i32::cast_unsigned),
    }
}
