//! Callers' keys. A key is random and long, so its SHA-256 is enough to store; the key itself is never seen here.

use escriba_domain::{ApiKeyId, WorkspaceId};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use crate::{Database, DatabaseError, Transaction, entity::api_key};

/// What a valid key stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    pub key: ApiKeyId,
    pub workspace: WorkspaceId,
}

/// `prefix` is the part that may be shown again; `secret_hash` is the SHA-256 of the whole key.
pub async fn create(
    tx: &Transaction,
    workspace: WorkspaceId,
    name: &str,
    prefix: &str,
    secret_hash: [u8; 32],
) -> Result<ApiKeyId, DatabaseError> {
    let id = ApiKeyId::new();
    let row = api_key::ActiveModel {
        id: Set(id.as_uuid()),
        workspace_id: Set(workspace.as_uuid()),
        name: Set(name.to_owned()),
        prefix: Set(prefix.to_owned()),
        secret_hash: Set(secret_hash.to_vec()),
        created_at: Set(tx.now()),
        expires_at: Set(None),
        revoked_at: Set(None),
    };
    api_key::Entity::insert(row).exec_without_returning(&tx.inner).await?;
    Ok(id)
}

/// Whose key has this hash, unless it is revoked or has expired.
pub async fn find_valid(db: &Database, secret_hash: [u8; 32]) -> Result<Option<Caller>, DatabaseError> {
    let row = api_key::Entity::find()
        .filter(api_key::Column::SecretHash.eq(secret_hash.to_vec()))
        .filter(api_key::Column::RevokedAt.is_null())
        .one(&db.connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    // Few keys expire, and each request asks: the time is looked up for these alone.
    if let Some(expires_at) = row.expires_at
        && expires_at <= db.now().await?
    {
        return Ok(None);
    }
    Ok(Some(Caller { key: row.id.into(), workspace: row.workspace_id.into() }))
}
