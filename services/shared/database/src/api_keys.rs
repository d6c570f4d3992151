//! Callers' keys. A key is random and long, so its SHA-256 is enough to store; the key itself is never seen here.

mod change;
mod list;

use chrono::{DateTime, Utc};
use escriba_domain::{ApiKeyId, Scopes, WorkspaceId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

pub use change::{NewKey, count_other_managers, create, lock, note_used, rename, revoke};
pub use list::{find, list};

use crate::{
    Database, DatabaseError,
    entity::{api_key, licence},
    jobs::word,
};

/// What a valid key stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    pub key: ApiKeyId,
    pub workspace: WorkspaceId,
    pub scopes: Scopes,
    /// How many requests the workspace's terms give each of its keys; `None`: as many as the server gives.
    pub requests_per_minute: Option<u32>,
}

/// A key as its workspace may see it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub name: String,
    /// How it begins, to tell it from others.
    pub prefix: String,
    pub scopes: Scopes,
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// To the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Whose key has this hash, unless it is revoked or has expired.
pub async fn find_valid(db: &Database, secret_hash: [u8; 32]) -> Result<Option<Caller>, DatabaseError> {
    let found = api_key::Entity::find()
        .filter(api_key::Column::SecretHash.eq(secret_hash.to_vec()))
        .filter(api_key::Column::RevokedAt.is_null())
        .find_also_related(licence::Entity)
        .one(&db.connection)
        .await?;
    let Some((row, licence)) = found else { return Ok(None) };
    // Few keys expire, and each request asks: the time is looked up for these alone.
    if row.expires_at.is_some() && has_ended(row.expires_at, db.now().await?) {
        return Ok(None);
    }
    let until = licence.as_ref().and_then(|licence| licence.valid_until);
    let is_in_force = until.is_none() || !has_ended(until, db.now().await?);
    let licence = licence.filter(|_| is_in_force);
    Ok(Some(Caller {
        key: row.id.into(),
        workspace: row.workspace_id.into(),
        scopes: word("scopes", &row.scopes)?,
        requests_per_minute: licence.and_then(|licence| licence.requests_per_minute).map(i32::cast_unsigned),
    }))
}

/// Whether the key still opens anything; for whoever came in with it and stays.
pub async fn is_valid(db: &Database, id: ApiKeyId) -> Result<bool, DatabaseError> {
    let row = api_key::Entity::find_by_id(id.as_uuid()).one(&db.connection).await?;
    let Some(row) = row.filter(|row| row.revoked_at.is_none()) else { return Ok(false) };
    Ok(row.expires_at.is_none() || !has_ended(row.expires_at, db.now().await?))
}

pub(crate) fn has_ended(end: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    end.is_some_and(|end| end <= now)
}

fn from_row(row: api_key::Model) -> Result<ApiKey, DatabaseError> {
    Ok(ApiKey {
        id: row.id.into(),
        name: row.name,
        prefix: row.prefix,
        scopes: word("scopes", &row.scopes)?,
        created_at: row.created_at,
        expires_at: row.expires_at,
        last_used_at: row.last_used_at,
        revoked_at: row.revoked_at,
    })
}
