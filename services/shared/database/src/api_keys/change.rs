//! Keys are made, renamed, revoked, and noted as used.

use chrono::{DateTime, Duration, Utc};
use escriba_domain::{ApiKeyId, Scope, Scopes, WorkspaceId};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect,
    sea_query::LockType,
};

use super::{ApiKey, from_row};
use crate::{
    DatabaseError, Transaction,
    entity::{api_key, workspace},
};

/// How exactly it is known when a key was last used.
const USED_WITHIN: Duration = Duration::minutes(1);

/// A key about to be stored.
#[derive(Debug, Clone, Copy)]
pub struct NewKey<'a> {
    pub workspace: WorkspaceId,
    pub name: &'a str,
    /// The part that may be shown again.
    pub prefix: &'a str,
    /// The SHA-256 of the whole key.
    pub secret_hash: [u8; 32],
    pub scopes: Scopes,
    pub expires_at: Option<DateTime<Utc>>,
}

pub async fn create(tx: &Transaction, new: &NewKey<'_>) -> Result<ApiKeyId, DatabaseError> {
    let id = ApiKeyId::new();
    let row = api_key::ActiveModel {
        id: Set(id.as_uuid()),
        workspace_id: Set(new.workspace.as_uuid()),
        name: Set(new.name.to_owned()),
        prefix: Set(new.prefix.to_owned()),
        secret_hash: Set(new.secret_hash.to_vec()),
        created_at: Set(tx.now()),
        expires_at: Set(new.expires_at),
        revoked_at: Set(None),
        scopes: Set(new.scopes.to_string()),
        last_used_at: Set(None),
    };
    api_key::Entity::insert(row).exec_without_returning(&tx.inner).await?;
    Ok(id)
}

/// The workspace's key of this id. Until the transaction ends, nobody else changes keys of that workspace.
pub async fn lock(tx: &Transaction, workspace: WorkspaceId, id: ApiKeyId) -> Result<Option<ApiKey>, DatabaseError> {
    if tx.is_postgres() {
        // Jobs may go on referring to the workspace meanwhile.
        let query = workspace::Entity::find_by_id(workspace.as_uuid()).lock(LockType::NoKeyUpdate);
        query.one(&tx.inner).await?;
    }
    let row = api_key::Entity::find_by_id(id.as_uuid())
        .filter(api_key::Column::WorkspaceId.eq(workspace.as_uuid()))
        .one(&tx.inner)
        .await?;
    row.map(from_row).transpose()
}

pub async fn rename(tx: &Transaction, id: ApiKeyId, name: &str) -> Result<(), DatabaseError> {
    update(tx, id, api_key::ActiveModel { name: Set(name.to_owned()), ..unchanged() }).await
}

/// From now on the key opens nothing.
pub async fn revoke(tx: &Transaction, id: ApiKeyId) -> Result<(), DatabaseError> {
    update(tx, id, api_key::ActiveModel { revoked_at: Set(Some(tx.now())), ..unchanged() }).await
}

/// How many valid keys beside this one may manage the workspace.
pub async fn count_other_managers(
    tx: &Transaction,
    workspace: WorkspaceId,
    id: ApiKeyId,
) -> Result<u64, DatabaseError> {
    let lasts = Condition::any().add(api_key::Column::ExpiresAt.is_null()).add(api_key::Column::ExpiresAt.gt(tx.now()));
    let others = api_key::Entity::find()
        .filter(api_key::Column::WorkspaceId.eq(workspace.as_uuid()))
        .filter(api_key::Column::Id.ne(id.as_uuid()))
        .filter(api_key::Column::RevokedAt.is_null())
        .filter(api_key::Column::Scopes.contains(Scope::Manage.as_str()))
        .filter(lasts);
    Ok(others.count(&tx.inner).await?)
}

/// Notes that these keys are in use, unless that was noted within the minute.
pub async fn note_used(tx: &Transaction, these: &[ApiKeyId]) -> Result<(), DatabaseError> {
    let long_ago = Condition::any()
        .add(api_key::Column::LastUsedAt.is_null())
        .add(api_key::Column::LastUsedAt.lte(tx.now() - USED_WITHIN));
    let row = api_key::ActiveModel { last_used_at: Set(Some(tx.now())), ..unchanged() };
    api_key::Entity::update_many()
        .set(row)
        .filter(api_key::Column::Id.is_in(these.iter().map(|id| id.as_uuid())))
        .filter(long_ago)
        .exec(&tx.inner)
        .await?;
    Ok(())
}

async fn update(tx: &Transaction, id: ApiKeyId, row: api_key::ActiveModel) -> Result<(), DatabaseError> {
    api_key::Entity::update_many().set(row).filter(api_key::Column::Id.eq(id.as_uuid())).exec(&tx.inner).await?;
    Ok(())
}

fn unchanged() -> api_key::ActiveModel {
    <api_key::ActiveModel as ActiveModelTrait>::default()
}
