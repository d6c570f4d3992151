//! Messages that wait to be published. They are written in the transaction of the change they tell of and deleted
//! once JetStream has acknowledged them; in between they may be published more than once, under one id.

use escriba_events::{Headers, Message};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};

use crate::{Database, DatabaseError, Transaction, entity::outbox};

/// A waiting message and its place in the order.
#[derive(Debug, Clone)]
pub struct Pending {
    pub position: i64,
    pub message: Message,
}

pub async fn append(tx: &Transaction, message: Message) -> Result<(), DatabaseError> {
    let row = outbox::ActiveModel {
        position: NotSet,
        id: Set(message.id.as_uuid()),
        subject: Set(message.subject),
        headers: Set(serde_json::json!(message.headers)),
        payload: Set(message.payload),
    };
    outbox::Entity::insert(row).exec_without_returning(&tx.inner).await?;
    Ok(())
}

/// The oldest waiting messages, in the order they were written.
pub async fn oldest(db: &Database, limit: u64) -> Result<Vec<Pending>, DatabaseError> {
    let rows = outbox::Entity::find().order_by_asc(outbox::Column::Position).limit(limit).all(&db.connection).await?;
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

/// How many messages wait.
pub async fn count(db: &Database) -> Result<u64, DatabaseError> {
    Ok(outbox::Entity::find().count(&db.connection).await?)
}

fn from_row(row: outbox::Model) -> Result<Pending, DatabaseError> {
    let headers: Headers = serde_json::from_value(row.headers.clone())
        .map_err(|_| DatabaseError::corrupt("message header", &row.headers))?;
    let message = Message { id: row.id.into(), subject: row.subject, headers, payload: row.payload };
    Ok(Pending { position: row.position, message })
}
