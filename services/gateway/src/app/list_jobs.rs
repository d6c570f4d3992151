//! A page of a workspace's jobs: filtered, searched and sorted, with the place where the next page begins.

mod cursor;

use std::collections::HashMap;

use escriba_database::{
    DatabaseError,
    chunks::{self, ChunkCounts},
    jobs::{self, Filter, Job, Order},
    search::{self, Highlight},
};
use escriba_domain::{ErrorKind, JobId, WorkspaceId};

use super::App;

#[derive(Debug, thiserror::Error)]
pub enum ListError {
    #[error(
        "The cursor is not one this server gave for this filter and order. Use `next_cursor` as it is, with the same \
         parameters, or leave it out to begin anew."
    )]
    Cursor,
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl ListError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Cursor => ErrorKind::Invalid,
            Self::Database(error) => error.kind(),
        }
    }
}

/// Which page of which list.
#[derive(Debug, Default)]
pub struct Wanted {
    pub filter: Filter,
    pub order: Order,
    pub cursor: Option<String>,
    pub limit: u64,
    /// Whether to say how many there are in all.
    pub count: bool,
}

#[derive(Debug)]
pub struct Page {
    pub jobs: Vec<Listed>,
    pub next_cursor: Option<String>,
    pub total: Option<u64>,
}

#[derive(Debug)]
pub struct Listed {
    pub job: Job,
    pub counts: ChunkCounts,
    /// Where it was found, if it was searched for.
    pub highlights: Option<Vec<Highlight>>,
}

pub async fn list_jobs(app: &App, workspace: WorkspaceId, wanted: &Wanted) -> Result<Page, ListError> {
    let Wanted { filter, order, .. } = wanted;
    let after = match &wanted.cursor {
        Some(text) => Some(cursor::read(text, workspace, filter, *order).ok_or(ListError::Cursor)?),
        None => None,
    };
    // One more than asked for tells whether there is a next page.
    let mut found = jobs::list(&app.db, workspace, filter, (*order, after), wanted.limit + 1).await?;
    let more = found.len() as u64 > wanted.limit;
    found.truncate(usize::try_from(wanted.limit).unwrap_or(usize::MAX));
    let last = found.last().filter(|_| more).map(|job| order.place_of(job));
    let next_cursor = last.map(|place| cursor::write(place, workspace, filter, *order));
    let total = if wanted.count { Some(jobs::count(&app.db, workspace, filter).await?) } else { None };

    let ids: Vec<_> = found.iter().map(|job| job.id).collect();
    let counts = chunks::count_by_state(&app.db, &ids).await?;
    let mut highlights: Option<HashMap<JobId, Vec<Highlight>>> = None;
    if let Some(query) = &filter.search {
        highlights = Some(search::highlights(&app.db, query, &found).await?);
    }
    let listed = found.into_iter().map(|job| Listed {
        counts: counts.get(&job.id).copied().unwrap_or_default(),
        highlights: highlights.as_mut().map(|highlights| highlights.remove(&job.id).unwrap_or_default()),
        job,
    });
    Ok(Page { jobs: listed.collect(), next_cursor, total })
}
