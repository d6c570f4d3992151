//! Which jobs a request about many means: those it lists, or those its filter leaves, newest first.

use std::collections::HashSet;

use escriba_database::{
    DatabaseError,
    jobs::{self, Filter, Order},
};
use escriba_domain::{ErrorKind, JobId, WorkspaceId};

use super::App;

/// More take too long for one request.
pub const MAX_SELECTED: usize = 1_000;

#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    #[error("The request names {count} jobs; at most {MAX_SELECTED} are taken. Send several requests.")]
    TooMany { count: usize },
    #[error("An empty filter would mean every job. Name at least one condition.")]
    Everything,
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl SelectError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::TooMany { .. } | Self::Everything => ErrorKind::Invalid,
            Self::Database(error) => error.kind(),
        }
    }
}

#[derive(Debug)]
pub enum Selection {
    These(Vec<JobId>),
    Matching(Filter),
}

#[derive(Debug)]
pub struct Selected {
    /// Each once. Those that a caller listed may be anybody's, or nobody's.
    pub jobs: Vec<JobId>,
    /// Whether the filter leaves more than are taken at once.
    pub more: bool,
}

pub async fn select_jobs(app: &App, workspace: WorkspaceId, selection: Selection) -> Result<Selected, SelectError> {
    match selection {
        Selection::These(mut jobs) => {
            if jobs.len() > MAX_SELECTED {
                return Err(SelectError::TooMany { count: jobs.len() });
            }
            let mut known = HashSet::new();
            jobs.retain(|&job| known.insert(job));
            Ok(Selected { jobs, more: false })
        }
        Selection::Matching(filter) if filter == Filter::default() => Err(SelectError::Everything),
        Selection::Matching(filter) => {
            let order = (Order::default(), None);
            let limit = MAX_SELECTED as u64 + 1;
            let mut jobs = jobs::list_ids(&app.db, workspace, &filter, order, limit).await?;
            let more = jobs.len() > MAX_SELECTED;
            jobs.truncate(MAX_SELECTED);
            Ok(Selected { jobs, more })
        }
    }
}
