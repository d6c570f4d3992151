//! A request to transcribe one recording.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
#[allow(clippy::struct_field_names, reason = "the column is the speech model")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub media_id: Uuid,
    pub state: String,
    pub language: Option<String>,
    pub task: String,
    pub model: String,
    pub lane: String,
    pub prompt: Option<String>,
    pub word_timestamps: bool,
    #[sea_orm(column_type = "JsonBinary")]
    pub languages: Json,
    pub multilingual: bool,
    #[sea_orm(column_type = "JsonBinary")]
    pub hotwords: Json,
    pub channels: String,
    pub audio_track: Option<String>,
    pub spoken_language: Option<String>,
    pub audio_ms: Option<i64>,
    pub processed_ms: i64,
    pub processing_ms: i64,
    pub time_left_ms: Option<i64>,
    #[sea_orm(column_type = "JsonBinary")]
    pub statistics: Json,
    pub failure_code: Option<String>,
    pub failure_message: Option<String>,
    #[sea_orm(column_type = "JsonBinary")]
    pub warnings: Json,
    pub transcript_version: i32,
    #[sea_orm(column_type = "JsonBinary")]
    pub trace_context: Json,
    pub created_at: DateTimeUtc,
    pub started_at: Option<DateTimeUtc>,
    pub finished_at: Option<DateTimeUtc>,
    pub runs: i32,
    pub fingerprint: Option<Vec<u8>>,
    pub title: Option<String>,
    #[sea_orm(column_type = "JsonBinary")]
    pub tags: Json,
    #[sea_orm(column_type = "JsonBinary")]
    pub metadata: Json,
    pub redo_of: Option<Uuid>,
    #[sea_orm(column_type = "JsonBinary")]
    pub redo: Option<Json>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(belongs_to = "super::media::Entity", from = "Column::MediaId", to = "super::media::Column::Id")]
    Media,
}

impl Related<super::media::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Media.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
