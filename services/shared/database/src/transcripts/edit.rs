//! Writing a version: rows that it has no more are closed, and new ones stand beside them.

use std::collections::BTreeMap;

use escriba_domain::JobId;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    entity::prelude::Uuid,
};

use super::{
    Identified,
    row::{identified, in_version, read, to_row},
};
use crate::{
    DatabaseError, Transaction,
    entity::{chunk, segment},
};

/// Positions below this are those of recognition. One chunk never has as many segments.
const EDITED_FROM: i32 = 1 << 24;
/// Rows in one statement: engines limit how many values that may have.
const BATCH: usize = 500;

/// Names a segment's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    chunk: Uuid,
    position: i32,
}

/// A segment as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    pub key: Key,
    pub identified: Identified,
}

/// All segments of a version. The job must be locked and over.
pub async fn load(tx: &Transaction, job: JobId, version: u32) -> Result<Vec<Stored>, DatabaseError> {
    let found = read(&tx.inner, in_version(job, version, None)).await?;
    found
        .into_iter()
        .map(|found| {
            let key = Key { chunk: found.0.chunk_id, position: found.0.position };
            Ok(Stored { key, identified: identified(found)? })
        })
        .collect()
}

/// Makes the segments of the next version out of those of the newest: without `gone`, and with `new`. The job must be
/// locked.
pub async fn replace(
    tx: &Transaction,
    job: JobId,
    version: u32,
    (gone, new): (&[Key], &[Identified]),
) -> Result<(), DatabaseError> {
    close(tx, version, gone).await?;
    let Some((chunk, mut position)) = room(tx, job).await? else {
        return Ok(());
    };
    for batch in new.chunks(BATCH) {
        let rows = batch.iter().map(|new| {
            position += 1;
            segment::ActiveModel {
                chunk_id: Set(chunk),
                position: Set(position),
                segment_id: Set(Some(new.id.to_string())),
                from_version: Set(version.cast_signed()),
                ..to_row(job, &new.segment)
            }
        });
        let rows: Vec<_> = rows.collect();
        segment::Entity::insert_many(rows).exec_without_returning(&tx.inner).await?;
    }
    Ok(())
}

async fn close(tx: &Transaction, version: u32, gone: &[Key]) -> Result<(), DatabaseError> {
    let mut by_chunk: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
    for key in gone {
        by_chunk.entry(key.chunk).or_default().push(key.position);
    }
    for (chunk, positions) in by_chunk {
        for batch in positions.chunks(BATCH) {
            let row = segment::ActiveModel {
                to_version: Set(Some(version.cast_signed())),
                ..<segment::ActiveModel as ActiveModelTrait>::default()
            };
            segment::Entity::update_many()
                .set(row)
                .filter(segment::Column::ChunkId.eq(chunk))
                .filter(segment::Column::Position.is_in(batch.iter().copied()))
                .exec(&tx.inner)
                .await?;
        }
    }
    Ok(())
}

/// The job's first chunk, with which what is written stays, and the last position in it that is taken.
async fn room(tx: &Transaction, job: JobId) -> Result<Option<(Uuid, i32)>, DatabaseError> {
    let chunk: Option<Uuid> = chunk::Entity::find()
        .select_only()
        .column(chunk::Column::Id)
        .filter(chunk::Column::JobId.eq(job.as_uuid()))
        .order_by_asc(chunk::Column::Position)
        .into_tuple()
        .one(&tx.inner)
        .await?;
    let Some(chunk) = chunk else { return Ok(None) };
    let last: Option<i32> = segment::Entity::find()
        .select_only()
        .column(segment::Column::Position)
        .filter(segment::Column::ChunkId.eq(chunk))
        .order_by_desc(segment::Column::Position)
        .into_tuple()
        .one(&tx.inner)
        .await?;
    Ok(Some((chunk, last.unwrap_or_default().max(EDITED_FROM))))
}
