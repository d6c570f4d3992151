//! Segments: written once each, read back in the order of the recording, in any version of the transcript.
//!
//! A segment's row stands from one version up to another. What was recognised is the first version and is never changed;
//! an edit closes rows and writes others beside them, so that each version is read by one query.

mod edit;
mod history;
mod row;

use async_stream::try_stream;
use escriba_domain::{ChunkId, ChunkKind, ChunkState, JobId, Segment, SegmentId, Transcript, WorkspaceId};
use futures_util::{Stream, TryStreamExt};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::OnConflict,
};

pub use edit::{Key, Stored, load, replace};
pub use history::{Version, add_version, versions};

use crate::{
    Database, DatabaseError, Transaction,
    entity::{chunk, job, segment},
    jobs,
};
pub use row::Place;
use row::{after, in_version, read};

const PAGE: u64 = 500;
/// As it was recognised.
pub const FIRST_VERSION: u32 = 1;

/// A segment and what it is called.
#[derive(Debug, Clone, PartialEq)]
pub struct Identified {
    pub id: SegmentId,
    pub segment: Segment,
}

/// Writes segments. One that is there already stays as it is.
pub async fn insert(tx: &Transaction, job: JobId, chunk: ChunkId, segments: &[Segment]) -> Result<(), DatabaseError> {
    if segments.is_empty() {
        return Ok(());
    }
    let rows = segments.iter().map(|segment| segment::ActiveModel {
        chunk_id: Set(chunk.as_uuid()),
        position: Set(segment.index.cast_signed()),
        ..row::to_row(job, segment)
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

/// The segments of the newest version.
pub fn segments(db: &Database, job: JobId) -> impl Stream<Item = Result<Segment, DatabaseError>> + Send + use<> {
    let db = db.clone();
    try_stream! {
        let version = newest_version(&db, job).await?;
        for await segment in segments_of(&db, job, version) {
            yield segment?.segment;
        }
    }
}

/// The segments of a version, read in pages. The first version is in the order of its chunks; while parts of the job are
/// still transcribed, it is read up to the end of the first that is not done, so that it grows at its end alone. Others
/// are in the order of time.
pub fn segments_of(
    db: &Database,
    job: JobId,
    version: u32,
) -> impl Stream<Item = Result<Identified, DatabaseError>> + Send + use<> {
    walk(db, job, version, None).map_ok(|(_, segment)| segment)
}

/// What was recognised from a place on, each segment with its own: whoever has read that far misses nothing.
pub fn segments_after(
    db: &Database,
    job: JobId,
    after: Option<Place>,
) -> impl Stream<Item = Result<(Place, Segment), DatabaseError>> + Send + use<> {
    walk(db, job, FIRST_VERSION, after).map_ok(|(place, found)| (place, found.segment))
}

fn walk(
    db: &Database,
    job: JobId,
    version: u32,
    mut last: Option<Place>,
) -> impl Stream<Item = Result<(Place, Identified), DatabaseError>> + Send + use<> {
    let db = db.clone();
    try_stream! {
        let through = last_readable_chunk(&db, job).await?;
        loop {
            let query = in_version(job, version, through).limit(PAGE);
            let query = match &last {
                Some(place) => query.filter(after(place, version)),
                None => query,
            };
            let page = read(&db.connection, query).await?;
            let whole = page.len() as u64 == PAGE;
            for found in page {
                let place = Place::of(&found);
                last = Some(place);
                yield (place, row::identified(found)?);
            }
            if !whole {
                break;
            }
        }
    }
}

/// So many segments of a version, after having passed over others. A version never changes, and the first one only grows
/// at its end, so pages fit together.
pub async fn page(
    db: &Database,
    job: JobId,
    version: u32,
    (passed, limit): (u64, u64),
) -> Result<Vec<Identified>, DatabaseError> {
    let through = last_readable_chunk(db, job).await?;
    let found = read(&db.connection, in_version(job, version, through).offset(passed).limit(limit)).await?;
    found.into_iter().map(row::identified).collect()
}

async fn newest_version(db: &Database, id: JobId) -> Result<u32, DatabaseError> {
    let found: Option<i32> = job::Entity::find_by_id(id.as_uuid())
        .select_only()
        .column(job::Column::TranscriptVersion)
        .into_tuple()
        .one(&db.connection)
        .await?;
    Ok(found.map_or(FIRST_VERSION, i32::cast_unsigned))
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
