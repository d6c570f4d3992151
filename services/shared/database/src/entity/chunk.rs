//! A span of a job and the lease on it.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "chunks")]
#[allow(clippy::struct_field_names, reason = "the column is the speech model")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub job_id: Uuid,
    pub position: i32,
    pub start_ms: i64,
    pub end_ms: Option<i64>,
    pub state: String,
    pub ring: i32,
    pub attempt: i32,
    pub lease: i64,
    pub lease_expires_at: Option<DateTimeUtc>,
    pub worker_id: Option<String>,
    pub through_ms: i64,
    pub segment_count: i32,
    pub workspace_id: Uuid,
    pub lane: String,
    pub model: String,
    pub kind: String,
    pub ready_at: Option<DateTimeUtc>,
    pub work_ms: i64,
    pub part_count: i32,
    pub speed: Option<f64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
