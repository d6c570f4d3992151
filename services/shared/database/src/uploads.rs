//! Uploads that take several requests. What an upload has so far are its parts; which of their bytes its sender was
//! told of is `stored_bytes`. Parts from there on are leftovers of a request that did not come to its end.
//!
//! One request at a time writes an upload: it holds it under a name of its own, for a while that it renews, and
//! whatever it writes after it has lost the upload has no effect. Times are the database's.

use std::time::Duration;

use chrono::{DateTime, Utc};
use escriba_domain::{JobId, PartId, UploadId, WorkspaceId};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::{
    Database, DatabaseError, Transaction, clock,
    entity::{upload, upload_part},
};

/// An upload that is about to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUpload {
    pub id: UploadId,
    pub workspace: WorkspaceId,
    pub total_bytes: u64,
    /// What its sender said of it, as it was said.
    pub metadata: String,
}

/// An upload as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    pub id: UploadId,
    pub workspace: WorkspaceId,
    pub total_bytes: u64,
    /// So many from the start are safe.
    pub stored_bytes: u64,
    pub metadata: String,
    /// What it became.
    pub job: Option<JobId>,
    /// When it goes, unless more bytes come.
    pub expires_at: DateTime<Utc>,
    /// Whether that is past.
    pub is_expired: bool,
}

/// Some of an upload's bytes, in storage under its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub id: PartId,
    /// The place of its first byte in the upload.
    pub position: u64,
    pub bytes: u64,
}

/// Who writes an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Writer {
    pub upload: UploadId,
    /// Unlike that of any other request.
    pub id: Uuid,
}

/// Begins an upload, which goes after `keep` unless bytes come.
pub async fn insert(tx: &Transaction, new: &NewUpload, keep: Duration) -> Result<(), DatabaseError> {
    let row = upload::ActiveModel {
        id: Set(new.id.as_uuid()),
        workspace_id: Set(new.workspace.as_uuid()),
        total_bytes: Set(new.total_bytes.cast_signed()),
        stored_bytes: Set(0),
        metadata: Set(new.metadata.clone()),
        created_at: Set(tx.now()),
        expires_at: Set(tx.now() + keep),
        job_id: NotSet,
        writer: NotSet,
        writer_until: NotSet,
    };
    upload::Entity::insert(row).exec_without_returning(&tx.inner).await?;
    Ok(())
}

/// The workspace's upload of this id, until it is swept.
pub async fn find(db: &Database, workspace: WorkspaceId, id: UploadId) -> Result<Option<Upload>, DatabaseError> {
    let row = upload::Entity::find_by_id(id.as_uuid())
        .filter(upload::Column::WorkspaceId.eq(workspace.as_uuid()))
        .one(&db.connection)
        .await?;
    let now = clock::now(&db.connection).await?;
    Ok(row.map(|row| from_row(row, now)))
}

/// Takes the upload for `time`. `false` while another writer has it, and when it is gone.
pub async fn hold(db: &Database, writer: Writer, time: Duration) -> Result<bool, DatabaseError> {
    let now = clock::now(&db.connection).await?;
    let free = Condition::any()
        .add(upload::Column::Writer.is_null())
        .add(upload::Column::WriterUntil.is_null())
        .add(upload::Column::WriterUntil.lte(now));
    let row = upload::ActiveModel { writer: Set(Some(writer.id)), writer_until: Set(Some(now + time)), ..unchanged() };
    let this = upload::Column::Id.eq(writer.upload.as_uuid());
    let held = upload::Entity::update_many().set(row).filter(this).filter(free).exec(&db.connection).await?;
    Ok(held.rows_affected == 1)
}

/// Holds the upload for `time` from now on, and keeps it for `keep`. It has no effect once the writer has lost it.
pub async fn renew(db: &Database, writer: Writer, time: Duration, keep: Duration) -> Result<(), DatabaseError> {
    let now = clock::now(&db.connection).await?;
    let row = upload::ActiveModel { writer_until: Set(Some(now + time)), expires_at: Set(now + keep), ..unchanged() };
    write(&db.connection, writer, row).await?;
    Ok(())
}

/// Lets the upload go. It has no effect once the writer has lost it.
pub async fn release(db: &Database, writer: Writer) -> Result<(), DatabaseError> {
    let row = upload::ActiveModel { writer: Set(None), writer_until: Set(None), ..unchanged() };
    write(&db.connection, writer, row).await?;
    Ok(())
}

/// Notes a part that is in storage. `false` when the writer has lost the upload: then the transaction must not be
/// committed.
pub async fn add_part(tx: &Transaction, writer: Writer, part: Part) -> Result<bool, DatabaseError> {
    // A change of nothing, for the lock and the answer.
    let row = upload::ActiveModel { writer: Set(Some(writer.id)), ..unchanged() };
    if !write(&tx.inner, writer, row).await? {
        return Ok(false);
    }
    let row = upload_part::ActiveModel {
        id: Set(part.id.as_uuid()),
        upload_id: Set(writer.upload.as_uuid()),
        position: Set(part.position.cast_signed()),
        size_bytes: Set(part.bytes.cast_signed()),
    };
    upload_part::Entity::insert(row).exec_without_returning(&tx.inner).await?;
    Ok(true)
}

/// The first `stored_bytes` are safe, and the upload stays for `keep`. `false` when the writer has lost it.
pub async fn advance(
    tx: &Transaction,
    writer: Writer,
    stored_bytes: u64,
    keep: Duration,
) -> Result<bool, DatabaseError> {
    let row = upload::ActiveModel {
        stored_bytes: Set(stored_bytes.cast_signed()),
        expires_at: Set(tx.now() + keep),
        ..unchanged()
    };
    write(&tx.inner, writer, row).await
}

/// The upload has become this job, and its parts are needed no longer. `false` when the writer has lost it.
pub async fn finish(tx: &Transaction, writer: Writer, job: JobId, keep: Duration) -> Result<bool, DatabaseError> {
    let found = upload::Entity::find_by_id(writer.upload.as_uuid()).one(&tx.inner).await?;
    let Some(row) = found.filter(|row| row.job_id.is_none()) else {
        return Ok(false);
    };
    let row = upload::ActiveModel {
        stored_bytes: Set(row.total_bytes),
        job_id: Set(Some(job.as_uuid())),
        expires_at: Set(tx.now() + keep),
        ..unchanged()
    };
    if !write(&tx.inner, writer, row).await? {
        return Ok(false);
    }
    let of_this = upload_part::Column::UploadId.eq(writer.upload.as_uuid());
    upload_part::Entity::delete_many().filter(of_this).exec(&tx.inner).await?;
    Ok(true)
}

/// The upload's parts in their order.
pub async fn parts(db: &Database, id: UploadId) -> Result<Vec<Part>, DatabaseError> {
    parts_from(&db.connection, id, 0).await
}

/// Forgets the parts from a place on, and says which these were. `None` when the writer has lost the upload.
pub async fn drop_parts(tx: &Transaction, writer: Writer, from: u64) -> Result<Option<Vec<PartId>>, DatabaseError> {
    let row = upload::ActiveModel { writer: Set(Some(writer.id)), ..unchanged() };
    if !write(&tx.inner, writer, row).await? {
        return Ok(None);
    }
    let dropped = parts_from(&tx.inner, writer.upload, from).await?;
    upload_part::Entity::delete_many()
        .filter(upload_part::Column::UploadId.eq(writer.upload.as_uuid()))
        .filter(upload_part::Column::Position.gte(from.cast_signed()))
        .exec(&tx.inner)
        .await?;
    Ok(Some(dropped.into_iter().map(|part| part.id).collect()))
}

/// Forgets the workspace's upload with its parts, and says which these were; `None` when there is no such upload.
pub async fn delete(
    tx: &Transaction,
    workspace: WorkspaceId,
    id: UploadId,
) -> Result<Option<Vec<PartId>>, DatabaseError> {
    let parts = parts_from(&tx.inner, id, 0).await?;
    let deleted = upload::Entity::delete_by_id(id.as_uuid())
        .filter(upload::Column::WorkspaceId.eq(workspace.as_uuid()))
        .exec(&tx.inner)
        .await?;
    Ok((deleted.rows_affected == 1).then(|| parts.into_iter().map(|part| part.id).collect()))
}

/// Uploads whose time is over, the longest ago first.
pub async fn expired(db: &Database, limit: u64) -> Result<Vec<Upload>, DatabaseError> {
    let now = clock::now(&db.connection).await?;
    let rows = upload::Entity::find()
        .filter(upload::Column::ExpiresAt.lte(now))
        .order_by_asc(upload::Column::ExpiresAt)
        .limit(limit)
        .all(&db.connection)
        .await?;
    Ok(rows.into_iter().map(|row| from_row(row, now)).collect())
}

async fn parts_from(connection: &impl ConnectionTrait, id: UploadId, from: u64) -> Result<Vec<Part>, DatabaseError> {
    let rows = upload_part::Entity::find()
        .filter(upload_part::Column::UploadId.eq(id.as_uuid()))
        .filter(upload_part::Column::Position.gte(from.cast_signed()))
        .order_by_asc(upload_part::Column::Position)
        .all(connection)
        .await?;
    let part = |row: upload_part::Model| Part {
        id: row.id.into(),
        position: row.position.cast_unsigned(),
        bytes: row.size_bytes.cast_unsigned(),
    };
    Ok(rows.into_iter().map(part).collect())
}

/// Whether the writer still has the upload, which is changed then.
async fn write(
    connection: &impl ConnectionTrait,
    writer: Writer,
    row: upload::ActiveModel,
) -> Result<bool, DatabaseError> {
    let written = upload::Entity::update_many()
        .set(row)
        .filter(upload::Column::Id.eq(writer.upload.as_uuid()))
        .filter(upload::Column::Writer.eq(writer.id))
        .exec(connection)
        .await?;
    Ok(written.rows_affected == 1)
}

fn unchanged() -> upload::ActiveModel {
    <upload::ActiveModel as ActiveModelTrait>::default()
}

fn from_row(row: upload::Model, now: DateTime<Utc>) -> Upload {
    Upload {
        id: row.id.into(),
        workspace: row.workspace_id.into(),
        total_bytes: row.total_bytes.cast_unsigned(),
        stored_bytes: row.stored_bytes.cast_unsigned(),
        metadata: row.metadata,
        job: row.job_id.map(JobId::from),
        expires_at: row.expires_at,
        is_expired: row.expires_at <= now,
    }
}
