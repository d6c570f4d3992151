//! What a workspace has at the front of one queue, in the order in which it is served there.

use std::collections::HashMap;

use escriba_domain::{ChunkState, JobId, JobState, Lane, ModelName, WorkspaceId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, entity::prelude::Uuid};

use crate::{
    Database, DatabaseError,
    entity::{chunk, job},
};

/// A job with chunks that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrontJob {
    pub job: JobId,
    /// How many of its chunks wait, of those that were looked at.
    pub chunks: u64,
    /// Milliseconds of recording in these whose length is known…
    pub known_ms: u64,
    /// …and how many of them have a length that is not.
    pub unknown: u64,
    /// Whether nothing of it was begun.
    pub is_queued: bool,
    /// The length of its recording, once known.
    pub audio_ms: Option<u64>,
}

/// The workspace's jobs that the first `limit` of its waiting chunks in this queue belong to, the oldest first.
pub async fn front(
    db: &Database,
    workspace: WorkspaceId,
    (lane, model): (Lane, &ModelName),
    limit: u64,
) -> Result<Vec<FrontJob>, DatabaseError> {
    let chunks: Vec<(Uuid, i64)> = chunk::Entity::find()
        .select_only()
        .columns([chunk::Column::JobId, chunk::Column::WorkMs])
        .filter(chunk::Column::State.eq(ChunkState::Queued.as_str()))
        .filter(chunk::Column::Lane.eq(lane.as_str()))
        .filter(chunk::Column::Model.eq(model.as_str()))
        .filter(chunk::Column::WorkspaceId.eq(workspace.as_uuid()))
        .order_by_asc(chunk::Column::JobId)
        .order_by_asc(chunk::Column::Position)
        .limit(limit)
        .into_tuple()
        .all(&db.connection)
        .await?;
    let queued: HashMap<Uuid, Option<i64>> = job::Entity::find()
        .select_only()
        .columns([job::Column::Id, job::Column::AudioMs])
        .filter(job::Column::Id.is_in(chunks.iter().map(|(job, _)| *job)))
        .filter(job::Column::State.eq(JobState::Queued.as_str()))
        .into_tuple::<(Uuid, Option<i64>)>()
        .all(&db.connection)
        .await?
        .into_iter()
        .collect();
    let mut jobs: Vec<FrontJob> = Vec::new();
    for (id, work_ms) in chunks {
        if jobs.last().is_none_or(|last| last.job != id.into()) {
            let audio_ms = queued.get(&id).copied().flatten().map(i64::cast_unsigned);
            let is_queued = queued.contains_key(&id);
            jobs.push(FrontJob { job: id.into(), chunks: 0, known_ms: 0, unknown: 0, is_queued, audio_ms });
        }
        if let Some(last) = jobs.last_mut() {
            last.chunks += 1;
            last.known_ms += work_ms.cast_unsigned();
            last.unknown += u64::from(work_ms == 0);
        }
    }
    Ok(jobs)
}
