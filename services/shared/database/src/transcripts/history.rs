//! The versions of a transcript after the first: when, by whom and how each was made.

use chrono::{DateTime, Utc};
use escriba_domain::{ApiKeyId, EditSummary, JobId, VersionOrigin};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};

use crate::{
    Database, DatabaseError, Transaction,
    entity::{job, transcript_version},
    jobs::{json, word},
};

/// One version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub version: u32,
    pub origin: VersionOrigin,
    /// Whose content it has again.
    pub reverted_to: Option<u32>,
    /// The key of whoever made it.
    pub by: ApiKeyId,
    pub summary: EditSummary,
    pub created_at: DateTime<Utc>,
}

/// Notes the version, and that it is the job's newest.
pub async fn add_version(tx: &Transaction, id: JobId, version: &Version) -> Result<(), DatabaseError> {
    let row = transcript_version::ActiveModel {
        job_id: Set(id.as_uuid()),
        version: Set(version.version.cast_signed()),
        origin: Set(version.origin.to_string()),
        reverted_to: Set(version.reverted_to.map(u32::cast_signed)),
        api_key_id: Set(version.by.as_uuid()),
        summary: Set(serde_json::json!(version.summary)),
        created_at: Set(version.created_at),
    };
    transcript_version::Entity::insert(row).exec_without_returning(&tx.inner).await?;
    let row = job::ActiveModel {
        transcript_version: Set(version.version.cast_signed()),
        ..<job::ActiveModel as ActiveModelTrait>::default()
    };
    job::Entity::update_many().set(row).filter(job::Column::Id.eq(id.as_uuid())).exec(&tx.inner).await?;
    Ok(())
}

/// The newest first, of those before one if it is given. The first version is not among them.
pub async fn versions(
    db: &Database,
    job: JobId,
    before: Option<u32>,
    limit: u64,
) -> Result<Vec<Version>, DatabaseError> {
    let rows = transcript_version::Entity::find()
        .filter(transcript_version::Column::JobId.eq(job.as_uuid()))
        .apply_if(before, |query, before| query.filter(transcript_version::Column::Version.lt(before.cast_signed())))
        .order_by_desc(transcript_version::Column::Version)
        .limit(limit)
        .all(&db.connection)
        .await?;
    rows.into_iter().map(from_row).collect()
}

fn from_row(row: transcript_version::Model) -> Result<Version, DatabaseError> {
    Ok(Version {
        version: row.version.cast_unsigned(),
        origin: word("version origin", &row.origin)?,
        reverted_to: row.reverted_to.map(i32::cast_unsigned),
        by: row.api_key_id.into(),
        summary: json("summary", row.summary)?,
        created_at: row.created_at,
    })
}
