//! Rows of segments: which of them make a version, in which order, and what they say.

use escriba_domain::{JobId, Segment, SegmentId};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, JoinType, Order, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, RelationTrait, Select, SelectTwo,
    entity::prelude::Uuid,
    sea_query::{Expr, ExprTrait, Func},
};

use super::{FIRST_VERSION, Identified};
use crate::{
    DatabaseError,
    entity::{chunk, segment},
    jobs::{json, word},
};

/// A segment's row and the position of its chunk.
pub(super) type Found = (segment::Model, i32);

/// Where a segment stands in the order of its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    chunk_position: i32,
    position: i32,
    start_ms: i64,
    channel: i32,
    chunk_id: Uuid,
}

impl Place {
    pub(super) fn of((row, chunk_position): &Found) -> Self {
        Self {
            chunk_position: *chunk_position,
            position: row.position,
            start_ms: row.start_ms,
            channel: row.channel.map_or(0, i32::from),
            chunk_id: row.chunk_id,
        }
    }
}

/// The segments of a version in its order. Those of the first one may be cut off after a chunk.
pub(super) fn in_version(job: JobId, version: u32, through: Option<i32>) -> SelectTwo<segment::Entity, chunk::Entity> {
    let query = segment::Entity::find()
        .join(JoinType::InnerJoin, segment::Relation::Chunk.def())
        .filter(segment::Column::JobId.eq(job.as_uuid()));
    let query = if version == FIRST_VERSION { recognized(query, through) } else { edited(query, version) };
    query.select_also(chunk::Entity)
}

fn recognized(query: Select<segment::Entity>, through: Option<i32>) -> Select<segment::Entity> {
    query
        .filter(segment::Column::FromVersion.eq(FIRST_VERSION.cast_signed()))
        .apply_if(through, |query, through| query.filter(chunk::Column::Position.lte(through)))
        .order_by_asc(chunk::Column::Position)
        .order_by_asc(segment::Column::Position)
}

fn edited(query: Select<segment::Entity>, version: u32) -> Select<segment::Entity> {
    let version = version.cast_signed();
    let stands = Condition::any().add(segment::Column::ToVersion.is_null()).add(segment::Column::ToVersion.gt(version));
    let query = query.filter(segment::Column::FromVersion.lte(version)).filter(stands);
    in_time().into_iter().fold(query, |query, column| query.order_by(column, Order::Asc))
}

/// The last two tell apart what has the same time on the same channel.
fn in_time() -> [Expr; 4] {
    [
        segment::Column::StartMs.into_expr(),
        Func::coalesce([segment::Column::Channel.into_expr(), Expr::val(0)]).into(),
        segment::Column::Position.into_expr(),
        segment::Column::ChunkId.into_expr(),
    ]
}

/// What comes after a segment in the order of the version.
pub(super) fn after(place: &Place, version: u32) -> Expr {
    let Place { chunk_position, position, start_ms, channel, chunk_id } = *place;
    if version == FIRST_VERSION {
        let order = [chunk::Column::Position.into_expr(), segment::Column::Position.into_expr()];
        return Expr::tuple(order).gt(Expr::tuple([Expr::val(chunk_position), Expr::val(position)]));
    }
    let place = [Expr::val(start_ms), Expr::val(channel), Expr::val(position), Expr::val(chunk_id)];
    Expr::tuple(in_time()).gt(Expr::tuple(place))
}

pub(super) async fn read(
    connection: &impl ConnectionTrait,
    query: SelectTwo<segment::Entity, chunk::Entity>,
) -> Result<Vec<Found>, DatabaseError> {
    let rows = query.all(connection).await?;
    rows.into_iter()
        .map(|(row, chunk)| {
            let chunk = chunk.ok_or_else(|| DatabaseError::corrupt("segment without chunk", &row.chunk_id))?;
            Ok((row, chunk.position))
        })
        .collect()
}

/// What a row says, without its key and its versions.
pub(super) fn to_row(job: JobId, segment: &Segment) -> segment::ActiveModel {
    segment::ActiveModel {
        chunk_id: NotSet,
        position: NotSet,
        job_id: Set(job.as_uuid()),
        start_ms: Set(segment.start_ms.cast_signed()),
        end_ms: Set(segment.end_ms.cast_signed()),
        text: Set(segment.text.clone()),
        language: Set(segment.language.map(|language| language.to_string())),
        channel: Set(segment.channel.map(u16::cast_signed)),
        avg_logprob: Set(segment.avg_logprob),
        no_speech_prob: Set(segment.no_speech_prob),
        words: Set(serde_json::json!(segment.words)),
        decoding: Set(serde_json::json!(segment.decoding)),
        segment_id: NotSet,
        speaker: Set(segment.speaker.clone()),
        from_version: NotSet,
        to_version: NotSet,
    }
}

pub(super) fn identified((row, chunk_position): Found) -> Result<Identified, DatabaseError> {
    let index = row.position.cast_unsigned();
    let id = match row.segment_id {
        Some(id) => word("segment id", &id)?,
        None => SegmentId::recognized(chunk_position.cast_unsigned(), index),
    };
    let segment = Segment {
        index,
        start_ms: row.start_ms.cast_unsigned(),
        end_ms: row.end_ms.cast_unsigned(),
        text: row.text,
        language: row.language.as_deref().map(|code| word("language", code)).transpose()?,
        channel: row.channel.map(i16::cast_unsigned),
        avg_logprob: row.avg_logprob,
        no_speech_prob: row.no_speech_prob,
        words: json("words", row.words)?,
        speaker: row.speaker,
        decoding: json("decoding", row.decoding)?,
    };
    Ok(Identified { id, segment })
}
