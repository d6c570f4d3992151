//! Listing by keyset: pages stay right while jobs arrive, because a page begins behind a place and not behind a number
//! of rows.

mod sql;

use chrono::{DateTime, Utc};
use escriba_domain::{JobId, JobState, Lane, Language, ModelName, WorkspaceId};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Statement, entity::prelude::Uuid};

use self::sql::{Leading, Listing, Sql};
use super::{Job, row};
use crate::{
    Database, DatabaseError,
    entity::{job, media},
    search::Query,
};

/// Which of a workspace's jobs. What is empty or `None` leaves none out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// In one of these.
    pub states: Vec<JobState>,
    /// Given or detected.
    pub language: Option<Language>,
    pub model: Option<ModelName>,
    pub lane: Option<Lane>,
    /// With all of these.
    pub tags: Vec<String>,
    pub min_audio_ms: Option<u64>,
    pub max_audio_ms: Option<u64>,
    /// At this time or later…
    pub created_after: Option<DateTime<Utc>>,
    /// …and before this one.
    pub created_before: Option<DateTime<Utc>>,
    /// In which this is found.
    pub search: Option<Query>,
}

/// What a list is sorted by. Jobs that are equal in it are sorted by their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortKey {
    Created,
    /// A job that is not over comes before all that are.
    Finished,
    /// A recording whose length is not known counts as shorter than any other.
    Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    pub key: SortKey,
    pub descending: bool,
}

/// Newest first.
impl Default for Order {
    fn default() -> Self {
        Self { key: SortKey::Created, descending: true }
    }
}

/// Where in an order a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Microseconds since 1970, or the milliseconds of a recording.
    pub key: i64,
    pub id: JobId,
}

impl Order {
    pub fn place_of(self, job: &Job) -> Place {
        let key = match self.key {
            SortKey::Created => job.created_at.timestamp_micros(),
            SortKey::Finished => job.finished_at.map_or(0, |finished| finished.timestamp_micros()),
            SortKey::Duration => job.audio_ms.map_or(-1, u64::cast_signed),
        };
        Place { key, id: job.id }
    }
}

/// The jobs behind a place, or the first ones, in order.
pub async fn list(
    db: &Database,
    workspace: WorkspaceId,
    filter: &Filter,
    (order, after): (Order, Option<Place>),
    limit: u64,
) -> Result<Vec<Job>, DatabaseError> {
    let ids = list_ids(db, workspace, filter, (order, after), limit).await?;
    let mut found = load(db, &ids).await?;
    found.sort_by_key(|job| ids.iter().position(|&id| id == job.id));
    Ok(found)
}

/// Like [`list`], for those who need no more than the ids.
pub async fn list_ids(
    db: &Database,
    workspace: WorkspaceId,
    filter: &Filter,
    (order, after): (Order, Option<Place>),
    limit: u64,
) -> Result<Vec<JobId>, DatabaseError> {
    let leading = leading(db, workspace, filter, order).await?;
    let backend = db.connection.get_database_backend();
    let listing = Listing { backend, workspace, filter, order, after, leading };
    let Some(query) = &filter.search else {
        return ids(db, listing.first(limit)).await;
    };
    if query.is_empty() {
        return Ok(Vec::new());
    }
    // What stands in very many jobs is found among the first of the list, and to collect all of them would take long.
    // What is rare is found in the index at once.
    let common = ids(db, listing.found_among_first(query, limit)).await?;
    if common.len() as u64 >= limit {
        return Ok(common);
    }
    ids(db, listing.found(query, limit)).await
}

/// Which table leads to the jobs that are asked for: the first tag, unless so many jobs have it that those of a state,
/// which is rare as a rule, are fewer.
async fn leading(
    db: &Database,
    workspace: WorkspaceId,
    filter: &Filter,
    order: Order,
) -> Result<Leading, DatabaseError> {
    let Some(tag) = filter.tags.first() else { return Ok(Leading::Jobs) };
    let is_rare = !filter.states.is_empty() && !filter.states.contains(&JobState::Completed);
    if order.key != SortKey::Created || !is_rare {
        return Ok(Leading::FirstTag);
    }
    let row = db.connection.query_one_raw(statement(db, sql::some_of_tag(workspace, tag))).await?;
    let some: i64 = row.ok_or_else(|| DatabaseError::corrupt("count", &"no row"))?.try_get("", "count")?;
    Ok(if some < sql::MANY { Leading::FirstTag } else { Leading::Jobs })
}

/// How many there are in all.
pub async fn count(db: &Database, workspace: WorkspaceId, filter: &Filter) -> Result<u64, DatabaseError> {
    let backend = db.connection.get_database_backend();
    if filter.search.as_ref().is_some_and(Query::is_empty) {
        return Ok(0);
    }
    let (order, leading) = (Order::default(), Leading::Jobs);
    let listing = Listing { backend, workspace, filter, order, after: None, leading };
    let row = db.connection.query_one_raw(statement(db, listing.count())).await?;
    let count: i64 = row.ok_or_else(|| DatabaseError::corrupt("count", &"no row"))?.try_get("", "count")?;
    Ok(count.cast_unsigned())
}

/// Those of the jobs that are there and the workspace's, in no order.
pub async fn find_all(db: &Database, workspace: WorkspaceId, these: &[JobId]) -> Result<Vec<Job>, DatabaseError> {
    let found = load(db, these).await?;
    Ok(found.into_iter().filter(|job| job.workspace == workspace).collect())
}

async fn load(db: &Database, ids: &[JobId]) -> Result<Vec<Job>, DatabaseError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = job::Entity::find()
        .filter(job::Column::Id.is_in(ids.iter().map(|id| id.as_uuid())))
        .find_also_related(media::Entity)
        .all(&db.connection)
        .await?;
    rows.into_iter().map(row::from_row).collect()
}

async fn ids(db: &Database, sql: Sql) -> Result<Vec<JobId>, DatabaseError> {
    let rows = db.connection.query_all_raw(statement(db, sql)).await?;
    rows.iter().map(|row| Ok(row.try_get::<Uuid>("", "id")?.into())).collect()
}

fn statement(db: &Database, sql: Sql) -> Statement {
    Statement::from_sql_and_values(db.connection.get_database_backend(), sql.text, sql.values)
}
