//! Uploaded recordings: what is known of their bytes.

use chrono::{DateTime, Utc};
use escriba_domain::{JobId, MediaId, WorkspaceId};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter,
};

use crate::{
    Database, DatabaseError, Transaction,
    entity::{job, media},
};

/// An upload that is whole in object storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    pub id: MediaId,
    pub workspace: WorkspaceId,
    /// As the sender named it; for people, never for paths.
    pub file_name: String,
    pub content_type: Option<String>,
    pub size_bytes: u64,
    pub sha256: [u8; 32],
}

pub async fn insert(tx: &Transaction, media: &Media) -> Result<(), DatabaseError> {
    let row = media::ActiveModel {
        id: Set(media.id.as_uuid()),
        workspace_id: Set(media.workspace.as_uuid()),
        file_name: Set(media.file_name.clone()),
        content_type: Set(media.content_type.clone()),
        size_bytes: Set(media.size_bytes.cast_signed()),
        sha256: Set(media.sha256.to_vec()),
        created_at: Set(tx.now()),
        deleted_at: NotSet,
    };
    media::Entity::insert(row).exec_without_returning(&tx.inner).await?;
    Ok(())
}

/// The recording of the workspace's job, and when it was deleted if it was.
pub async fn of_job(
    db: &Database,
    workspace: WorkspaceId,
    id: JobId,
) -> Result<Option<(Media, Option<DateTime<Utc>>)>, DatabaseError> {
    let found = job::Entity::find_by_id(id.as_uuid())
        .filter(job::Column::WorkspaceId.eq(workspace.as_uuid()))
        .find_also_related(media::Entity)
        .one(&db.connection)
        .await?;
    let Some((job, row)) = found else { return Ok(None) };
    let row = row.ok_or_else(|| DatabaseError::corrupt("job without media", &job.id))?;
    let sha256 = row.sha256.as_slice().try_into().map_err(|_| DatabaseError::corrupt("hash", &row.sha256.len()))?;
    let media = Media {
        id: row.id.into(),
        workspace: row.workspace_id.into(),
        file_name: row.file_name,
        content_type: row.content_type,
        size_bytes: row.size_bytes.cast_unsigned(),
        sha256,
    };
    Ok(Some((media, row.deleted_at)))
}

/// Notes that the recordings are deleted now. Their jobs stay; nobody may fetch the objects any more.
pub async fn mark_deleted(tx: &Transaction, these: &[MediaId]) -> Result<(), DatabaseError> {
    let row =
        media::ActiveModel { deleted_at: Set(Some(tx.now())), ..<media::ActiveModel as ActiveModelTrait>::default() };
    let these = media::Column::Id.is_in(these.iter().map(|id| id.as_uuid()));
    media::Entity::update_many().set(row).filter(these).exec(&tx.inner).await?;
    Ok(())
}

/// Forgets an upload. Its job must be gone already.
pub async fn delete(tx: &Transaction, id: MediaId) -> Result<(), DatabaseError> {
    media::Entity::delete_by_id(id.as_uuid()).exec(&tx.inner).await?;
    Ok(())
}
