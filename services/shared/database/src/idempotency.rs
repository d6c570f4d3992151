//! Answers kept for requests that their senders gave a key, so that one sent again is answered as it was.
//!
//! A key is first reserved by one attempt, for a while that the attempt renews; then its answer is kept in the
//! transaction that creates what the answer tells of. An attempt that lost its reservation keeps nothing, which undoes
//! its transaction: however often a request is sent, one attempt succeeds. Times are the database's.

use std::time::Duration;

use chrono::{DateTime, Utc};
use escriba_domain::WorkspaceId;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, sea_query::OnConflict,
};
use uuid::Uuid;

use crate::{Database, DatabaseError, Transaction, clock, entity::idempotency_key};

/// Who works on which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub workspace: WorkspaceId,
    /// As the sender chose it.
    pub key: String,
    /// Unlike that of any other attempt.
    pub holder: Uuid,
}

/// The answer to a request and what the request was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub fingerprint: [u8; 32],
    /// The HTTP status.
    pub status: u16,
    pub location: Option<String>,
    pub body: String,
}

/// What became of a wish to work on a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reserved {
    /// It is this attempt's to work on.
    Taken,
    /// Another attempt is at it.
    InProgress,
    /// It was answered.
    Answered(Kept),
}

/// Reserves a key that nobody has answered or works on. Of several attempts at once one gets it.
pub async fn reserve(db: &Database, attempt: &Attempt, time: Duration) -> Result<Reserved, DatabaseError> {
    let now = clock::now(&db.connection).await?;
    let row = idempotency_key::ActiveModel {
        workspace_id: Set(attempt.workspace.as_uuid()),
        key: Set(attempt.key.clone()),
        holder: Set(attempt.holder),
        fingerprint: Set(None),
        status: Set(None),
        location: Set(None),
        body: Set(None),
        expires_at: Set(now + time),
    };
    let columns = [
        idempotency_key::Column::Holder,
        idempotency_key::Column::Fingerprint,
        idempotency_key::Column::Status,
        idempotency_key::Column::Location,
        idempotency_key::Column::Body,
        idempotency_key::Column::ExpiresAt,
    ];
    let take_over = OnConflict::columns([idempotency_key::Column::WorkspaceId, idempotency_key::Column::Key])
        .update_columns(columns)
        .action_and_where(idempotency_key::Column::ExpiresAt.lte(now))
        .to_owned();
    let taken =
        idempotency_key::Entity::insert(row).on_conflict(take_over).exec_without_returning(&db.connection).await?;
    if taken == 1 { Ok(Reserved::Taken) } else { look(db, attempt, now).await }
}

async fn look(db: &Database, attempt: &Attempt, now: DateTime<Utc>) -> Result<Reserved, DatabaseError> {
    let row = idempotency_key::Entity::find_by_id((attempt.workspace.as_uuid(), attempt.key.clone()))
        .filter(idempotency_key::Column::ExpiresAt.gt(now))
        .one(&db.connection)
        .await?;
    match row.map(from_row).transpose()?.flatten() {
        Some(kept) => Ok(Reserved::Answered(kept)),
        // Or it was given back a moment ago: whoever asks again gets it.
        None => Ok(Reserved::InProgress),
    }
}

fn from_row(row: idempotency_key::Model) -> Result<Option<Kept>, DatabaseError> {
    let (Some(fingerprint), Some(status)) = (row.fingerprint, row.status) else {
        return Ok(None);
    };
    let unreadable = || DatabaseError::corrupt("kept answer", &row.key);
    Ok(Some(Kept {
        fingerprint: fingerprint.try_into().map_err(|_| unreadable())?,
        status: status.try_into().map_err(|_| unreadable())?,
        location: row.location,
        body: row.body.unwrap_or_default(),
    }))
}

/// Holds the key for `time` from now on. It has no effect once the attempt has lost it, or it is answered.
pub async fn renew(db: &Database, attempt: &Attempt, time: Duration) -> Result<(), DatabaseError> {
    let expires_at = clock::now(&db.connection).await? + time;
    let row = idempotency_key::ActiveModel { expires_at: Set(expires_at), ..unchanged() };
    idempotency_key::Entity::update_many().set(row).filter(held_by(attempt)).exec(&db.connection).await?;
    Ok(())
}

/// Keeps the answer for `time` from now on. `false` when the attempt has lost the key: then the transaction must not
/// be committed.
pub async fn keep(tx: &Transaction, attempt: &Attempt, kept: &Kept, time: Duration) -> Result<bool, DatabaseError> {
    let row = idempotency_key::ActiveModel {
        fingerprint: Set(Some(kept.fingerprint.to_vec())),
        status: Set(Some(kept.status.cast_signed())),
        location: Set(kept.location.clone()),
        body: Set(Some(kept.body.clone())),
        expires_at: Set(tx.now() + time),
        ..unchanged()
    };
    let kept = idempotency_key::Entity::update_many().set(row).filter(held_by(attempt)).exec(&tx.inner).await?;
    Ok(kept.rows_affected == 1)
}

/// Gives the key back unanswered. It has no effect once the attempt has lost it, or it is answered.
pub async fn release(db: &Database, attempt: &Attempt) -> Result<(), DatabaseError> {
    idempotency_key::Entity::delete_many().filter(held_by(attempt)).exec(&db.connection).await?;
    Ok(())
}

/// Forgets answers that were kept long enough, and keys that nobody works on any more. Says how many.
pub async fn forget_expired(db: &Database) -> Result<u64, DatabaseError> {
    let now = clock::now(&db.connection).await?;
    let expired = idempotency_key::Column::ExpiresAt.lte(now);
    Ok(idempotency_key::Entity::delete_many().filter(expired).exec(&db.connection).await?.rows_affected)
}

fn held_by(attempt: &Attempt) -> Condition {
    Condition::all()
        .add(idempotency_key::Column::WorkspaceId.eq(attempt.workspace.as_uuid()))
        .add(idempotency_key::Column::Key.eq(attempt.key.as_str()))
        .add(idempotency_key::Column::Holder.eq(attempt.holder))
        .add(idempotency_key::Column::Status.is_null())
}

fn unchanged() -> idempotency_key::ActiveModel {
    <idempotency_key::ActiveModel as ActiveModelTrait>::default()
}
