//! Listing a workspace's keys, newest first, by keyset.

use escriba_domain::{ApiKeyId, WorkspaceId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};

use super::{ApiKey, from_row};
use crate::{Database, DatabaseError, entity::api_key};

/// The workspace's keys before `before`, revoked and expired ones too.
pub async fn list(
    db: &Database,
    workspace: WorkspaceId,
    before: Option<ApiKeyId>,
    limit: u64,
) -> Result<Vec<ApiKey>, DatabaseError> {
    let rows = api_key::Entity::find()
        .filter(api_key::Column::WorkspaceId.eq(workspace.as_uuid()))
        .apply_if(before, |query, before| query.filter(api_key::Column::Id.lt(before.as_uuid())))
        .order_by_desc(api_key::Column::Id)
        .limit(limit)
        .all(&db.connection)
        .await?;
    rows.into_iter().map(from_row).collect()
}

/// The workspace's key of this id.
pub async fn find(db: &Database, workspace: WorkspaceId, id: ApiKeyId) -> Result<Option<ApiKey>, DatabaseError> {
    let row = api_key::Entity::find_by_id(id.as_uuid())
        .filter(api_key::Column::WorkspaceId.eq(workspace.as_uuid()))
        .one(&db.connection)
        .await?;
    row.map(from_row).transpose()
}
