//! Segments: written once each, read back in the order of the recording.

use async_stream::try_stream;
use escriba_domain::{ChunkId, ChunkKind, ChunkState, JobId, Segment, Transcript, WorkspaceId};
use futures_util::{Stream, TryStreamExt};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect,
    RelationTrait, sea_query::OnConflict,
};

use crate::{
    Database, DatabaseError, Transaction,
    entity::{chunk, segment},
    jobs::{self, json, word},
};

const PAGE: u64 = 500;

/// Writes segments. One that is there already stays as it is.
pub async fn insert(tx: &Transaction, job: JobId, chunk: ChunkId, segments: &[Segment]) -> Result<(), DatabaseError> {
    if segments.is_empty() {
        return Ok(());
    }
    let rows = segments.iter().map(|segment| segment::ActiveModel {
        chunk_id: Set(chunk.as_uuid()),
        position: Set(segment.index.cast_signed()),
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
    });
    let on_conflict =
        OnConflict::columns([segment::Column::ChunkId, segment::Column::Position]).do_nothing().to_owned();
    segment::Entity::insert_many(rows).on_conflict(on_conflict).exec_without_returning(&tx.inner).await?;
    Ok(())
}

/// What is said of the job's transcript as a whole.
pub async fn find(db: &Database, workspace: WorkspaceId, id: JobId) -> Result<Option<Transcript>, DatabaseError> {
    let job = jobs::find(db, workspace, id).await?;
    Ok(job.map(|job| Transcript {
        job_id: job.id,
        file_name: job.file_name,
        language: job.spoken_language.or(job.options.language),
        task: job.options.task,
        model: job.options.model,
        audio_ms: job.audio_ms,
        version: job.transcript_version,
    }))
}

/// Where a segment stands in its transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    chunk: i32,
    segment: i32,
}

/// The job's segments, chunk by chunk, read in pages. While parts of it are still transcribed, they are read up to the
/// end of the first that is not done, so that the transcript grows at its end alone.
pub fn segments(db: &Database, job: JobId) -> impl Stream<Item = Result<Segment, DatabaseError>> + Send + use<> {
    segments_after(db, job, None).map_ok(|(_, segment)| segment)
}

/// The same from a place on, each segment with its own: whoever has read that far misses nothing.
pub fn segments_after(
    db: &Database,
    job: JobId,
    mut after: Option<Place>,
) -> impl Stream<Item = Result<(Place, Segment), DatabaseError>> + Send + use<> {
    let db = db.clone();
    try_stream! {
        let through = last_readable_chunk(&db, job).await?;
        loop {
            let page = page(&db, job, through, after).await?;
            let whole = page.len() as u64 == PAGE;
            for (row, chunk) in page {
                let place = Place { chunk, segment: row.position };
                after = Some(place);
                yield (place, from_row(row)?);
            }
            if !whole {
                break;
            }
        }
    }
}

/// The first part that is not done, or else the last chunk. One that is planned meanwhile is not read: the one before it
/// may not be done.
async fn last_readable_chunk(db: &Database, job: JobId) -> Result<Option<i32>, DatabaseError> {
    let last: Option<i32> = chunk::Entity::find()
        .select_only()
        .column(chunk::Column::Position)
        .filter(chunk::Column::JobId.eq(job.as_uuid()))
        .order_by_desc(chunk::Column::Position)
        .into_tuple()
        .one(&db.connection)
        .await?;
    Ok(first_unfinished_part(db, job).await?.into_iter().chain(last).min())
}

async fn first_unfinished_part(db: &Database, job: JobId) -> Result<Option<i32>, DatabaseError> {
    let found: Option<i32> = chunk::Entity::find()
        .select_only()
        .column(chunk::Column::Position)
        .filter(chunk::Column::JobId.eq(job.as_uuid()))
        .filter(chunk::Column::Kind.eq(ChunkKind::Part.as_str()))
        .filter(chunk::Column::State.is_in([ChunkState::Queued.as_str(), ChunkState::Running.as_str()]))
        .order_by_asc(chunk::Column::Position)
        .into_tuple()
        .one(&db.connection)
        .await?;
    Ok(found)
}

async fn page(
    db: &Database,
    job: JobId,
    through: Option<i32>,
    after: Option<Place>,
) -> Result<Vec<(segment::Model, i32)>, DatabaseError> {
    let mut query = segment::Entity::find()
        .join(JoinType::InnerJoin, segment::Relation::Chunk.def())
        .select_also(chunk::Entity)
        .filter(segment::Column::JobId.eq(job.as_uuid()))
        .order_by_asc(chunk::Column::Position)
        .order_by_asc(segment::Column::Position)
        .limit(PAGE);
    if let Some(through) = through {
        query = query.filter(chunk::Column::Position.lte(through));
    }
    if let Some(after) = after {
        query = query.filter(
            Condition::any().add(chunk::Column::Position.gt(after.chunk)).add(
                Condition::all()
                    .add(chunk::Column::Position.eq(after.chunk))
                    .add(segment::Column::Position.gt(after.segment)),
            ),
        );
    }
    let rows = query.all(&db.connection).await?;
    rows.into_iter()
        .map(|(row, chunk)| {
            let chunk = chunk.ok_or_else(|| DatabaseError::corrupt("segment without chunk", &row.chunk_id))?;
            Ok((row, chunk.position))
        })
        .collect()
}

fn from_row(row: segment::Model) -> Result<Segment, DatabaseError> {
    Ok(Segment {
        index: row.position.cast_unsigned(),
        start_ms: row.start_ms.cast_unsigned(),
        end_ms: row.end_ms.cast_unsigned(),
        text: row.text,
        language: row.language.as_deref().map(|code| word("language", code)).transpose()?,
        channel: row.channel.map(i16::cast_unsigned),
        avg_logprob: row.avg_logprob,
        no_speech_prob: row.no_speech_prob,
        words: json("words", row.words)?,
        decoding: json("decoding", row.decoding)?,
    })
}
