//! A span of a job and the lease on it.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "chunks")]
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
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
