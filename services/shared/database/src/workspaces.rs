//! Tenants.

use escriba_domain::WorkspaceId;
use sea_orm::{ActiveValue::Set, EntityTrait, QueryOrder};

use crate::{DatabaseError, Transaction, entity::workspace};

pub async fn create(tx: &Transaction, name: &str) -> Result<WorkspaceId, DatabaseError> {
    let id = WorkspaceId::new();
    let row = workspace::ActiveModel { id: Set(id.as_uuid()), name: Set(name.to_owned()), created_at: Set(tx.now()) };
    workspace::Entity::insert(row).exec_without_returning(&tx.inner).await?;
    Ok(id)
}

/// The oldest workspace: on a single machine, the only one.
pub async fn first(tx: &Transaction) -> Result<Option<WorkspaceId>, DatabaseError> {
    let row = workspace::Entity::find().order_by_asc(workspace::Column::Id).one(&tx.inner).await?;
    Ok(row.map(|row| row.id.into()))
}
