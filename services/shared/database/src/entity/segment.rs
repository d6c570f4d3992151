//! A timed piece of text.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "segments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub chunk_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i32,
    pub job_id: Uuid,
    pub start_ms: i64,
    pub end_ms: i64,
    pub text: String,
    pub language: Option<String>,
    pub channel: Option<i16>,
    pub avg_logprob: f32,
    pub no_speech_prob: f32,
    #[sea_orm(column_type = "JsonBinary")]
    pub words: Json,
    #[sea_orm(column_type = "JsonBinary")]
    pub decoding: Json,
    pub segment_id: Option<String>,
    pub speaker: Option<String>,
    pub from_version: i32,
    pub to_version: Option<i32>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(belongs_to = "super::chunk::Entity", from = "Column::ChunkId", to = "super::chunk::Column::Id")]
    Chunk,
}

impl Related<super::chunk::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Chunk.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
