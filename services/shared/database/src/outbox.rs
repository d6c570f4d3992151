//! Messages that wait to be published. They are written in the transaction of the change they tell of and deleted
//! once JetStream has acknowledged them; in between they may be published more than once, under one id.

use escriba_domain::{JobId, Lane, ModelName};
use escriba_events::{Headers, Message};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::{Database, DatabaseError, Transaction, entity::outbox};

/// A waiting message and its place in the order.
#[derive(Debug, Clone)]
pub struct Pending {
    pub position: i64,
    pub message: Message,
}

pub async fn append(tx: &Transaction, message: Message) -> Result<(), DatabaseError> {
    outbox::Entity::insert(to_row(message)).exec_without_returning(&tx.inner).await?;
    Ok(())
}

/// Appends messages in this order, of which there must be some.
pub async fn append_all(tx: &Transaction, messages: Vec<Message>) -> Result<(), DatabaseError> {
    let rows = messages.into_iter().map(to_row);
    outbox::Entity::insert_many(rows).exec_without_returning(&tx.inner).await?;
    Ok(())
}

fn to_row(message: Message) -> outbox::ActiveModel {
    outbox::ActiveModel {
        position: NotSet,
        id: Set(message.id.as_uuid()),
        job_id: Set(Some(message.job.as_uuid())),
        subject: Set(message.subject),
        headers: Set(serde_json::json!(message.headers)),
        payload: Set(message.payload),
    }
}

/// What waits for one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    pub messages: u64,
    /// The place of the last one, 0 when nothing waits.
    ///
    /// A pass that reads page after page must not go beyond what this was at its start. A transaction that was open
    /// then may commit a message that belongs on an earlier page; whatever follows that message, in its job, gets a
    /// place beyond this one.
    pub last: i64,
}

/// What waits with a subject that begins with `prefix`.
pub async fn waiting(db: &Database, prefix: &str) -> Result<Waiting, DatabaseError> {
    let found: Option<(i64, Option<i64>)> = outbox::Entity::find()
        .select_only()
        .expr(outbox::Column::Position.count())
        .expr(outbox::Column::Position.max())
        .filter(outbox::Column::Subject.starts_with(prefix))
        .into_tuple()
        .one(&db.connection)
        .await?;
    let (messages, last) = found.unwrap_or_default();
    Ok(Waiting { messages: messages.cast_unsigned(), last: last.unwrap_or_default() })
}

/// The oldest messages with a subject that begins with `prefix`, of those after one place and up to another.
pub async fn page(
    db: &Database,
    prefix: &str,
    (after, last): (i64, i64),
    limit: u64,
) -> Result<Vec<Pending>, DatabaseError> {
    let rows = outbox::Entity::find()
        .filter(outbox::Column::Position.gt(after))
        .filter(outbox::Column::Position.lte(last))
        .filter(outbox::Column::Subject.starts_with(prefix))
        .order_by_asc(outbox::Column::Position)
        .limit(limit)
        .all(&db.connection)
        .await?;
    rows.into_iter().map(from_row).collect()
}

/// Forgets messages that have been acknowledged.
pub async fn delete(db: &Database, positions: &[i64]) -> Result<(), DatabaseError> {
    if positions.is_empty() {
        return Ok(());
    }
    let these = outbox::Column::Position.is_in(positions.iter().copied());
    outbox::Entity::delete_many().filter(these).exec(&db.connection).await?;
    Ok(())
}

/// How many bells of a queue wait.
pub async fn count_work(db: &Database, lane: Lane, model: &ModelName) -> Result<u64, DatabaseError> {
    let subjects = format!("work.{lane}.{}.", model.subject_token());
    Ok(outbox::Entity::find().filter(outbox::Column::Subject.starts_with(subjects)).count(&db.connection).await?)
}

/// How many messages wait.
pub async fn count(db: &Database) -> Result<u64, DatabaseError> {
    Ok(outbox::Entity::find().count(&db.connection).await?)
}

fn from_row(row: outbox::Model) -> Result<Pending, DatabaseError> {
    let headers: Headers = serde_json::from_value(row.headers.clone())
        .map_err(|_| DatabaseError::corrupt("message header", &row.headers))?;
    let job = row.job_id.map_or_else(|| job_of(&row.subject), JobId::from);
    let message = Message { id: row.id.into(), job, subject: row.subject, headers, payload: row.payload };
    Ok(Pending { position: row.position, message })
}

/// A gateway of the release before names the job in the subject alone, as its last part.
fn job_of(subject: &str) -> JobId {
    let last = subject.rsplit('.').next().unwrap_or_default();
    last.parse().unwrap_or_else(|_| JobId::from(Uuid::nil()))
}
