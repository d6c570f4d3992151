//! Listing, newest first, by keyset: pages stay right while jobs arrive.

use escriba_domain::{JobId, JobState, WorkspaceId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};

use super::{Job, row};
use crate::{
    Database, DatabaseError,
    entity::{job, media},
};

/// Which of a workspace's jobs.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub state: Option<JobState>,
    /// Only jobs older than this one.
    pub before: Option<JobId>,
}

pub async fn list(
    db: &Database,
    workspace: WorkspaceId,
    filter: &Filter,
    limit: u64,
) -> Result<Vec<Job>, DatabaseError> {
    let rows = job::Entity::find()
        .filter(job::Column::WorkspaceId.eq(workspace.as_uuid()))
        .apply_if(filter.state, |query, state| query.filter(job::Column::State.eq(state.as_str())))
        .apply_if(filter.before, |query, before| query.filter(job::Column::Id.lt(before.as_uuid())))
        .find_also_related(media::Entity)
        .order_by_desc(job::Column::Id)
        .limit(limit)
        .all(&db.connection)
        .await?;
    rows.into_iter().map(row::from_row).collect()
}
