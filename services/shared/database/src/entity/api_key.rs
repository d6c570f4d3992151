//! A caller's key, stored as a hash.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "api_keys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub name: String,
    pub prefix: String,
    pub secret_hash: Vec<u8>,
    pub created_at: DateTimeUtc,
    pub expires_at: Option<DateTimeUtc>,
    pub revoked_at: Option<DateTimeUtc>,
    pub scopes: String,
    pub last_used_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::licence::Entity",
        from = "Column::WorkspaceId",
        to = "super::licence::Column::WorkspaceId"
    )]
    Licence,
}

impl Related<super::licence::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Licence.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
