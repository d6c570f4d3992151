//! Ends an upload that is not wanted any more, or that nobody went on with. A job that it became stays.

use escriba_blobs::{BlobStore, ObjectKey};
use escriba_database::{Database, DatabaseError, uploads, within_reason};
use escriba_domain::{PartId, UploadId, WorkspaceId};
use futures_util::{StreamExt, stream};

use super::{App, UploadError};

/// Uploads looked at together.
const BATCH: u64 = 100;
const DELETIONS_AT_ONCE: usize = 8;

/// The rows go first; the objects follow, since nothing can find them any more.
pub async fn delete(app: &App, workspace: WorkspaceId, id: UploadId) -> Result<(), UploadError> {
    let parts = within_reason(remove(&app.db, workspace, id)).await?.ok_or(UploadError::NotFound(id))?;
    discard(&app.blobs, workspace, id, parts).await;
    Ok(())
}

/// Deletes the uploads whose time is over, and says how many these were.
pub async fn delete_expired(db: &Database, blobs: &BlobStore) -> Result<u64, DatabaseError> {
    let mut deleted = 0;
    loop {
        let expired = uploads::expired(db, BATCH).await?;
        if expired.is_empty() {
            return Ok(deleted);
        }
        for upload in expired {
            // Another gateway may have been faster.
            if let Some(parts) = remove(db, upload.workspace, upload.id).await? {
                discard(blobs, upload.workspace, upload.id, parts).await;
                deleted += 1;
            }
        }
    }
}

async fn remove(db: &Database, workspace: WorkspaceId, id: UploadId) -> Result<Option<Vec<PartId>>, DatabaseError> {
    let tx = db.begin().await?;
    let parts = uploads::delete(&tx, workspace, id).await?;
    tx.commit().await?;
    Ok(parts)
}

/// Deletes parts that no row needs. What cannot be deleted is left to the sweep.
pub(super) async fn discard(blobs: &BlobStore, workspace: WorkspaceId, upload: UploadId, parts: Vec<PartId>) {
    let deletions = stream::iter(parts).map(async |part| {
        let key = ObjectKey::Part { workspace, upload, part };
        if let Err(error) = blobs.delete(key).await {
            tracing::warn!(%error, %key, "a part of an upload was left in storage");
        }
    });
    deletions.buffer_unordered(DELETIONS_AT_ONCE).collect::<()>().await;
}
