//! What a key may be used for and when it last was, and how many requests a workspace's keys may send.

use sea_orm_migration::{
    prelude::*,
    schema::{integer_null, string_len, timestamp_with_time_zone_null},
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Keys that are there already could do everything, and a gateway of the release before makes only such.
const EVERYTHING: &str = "read transcribe manage";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let scopes = string_len(ApiKeys::Scopes, 64).default(EVERYTHING).take();
        let last_used = timestamp_with_time_zone_null(ApiKeys::LastUsedAt);
        // SQLite takes one column a statement.
        for column in [scopes, last_used] {
            manager.alter_table(Table::alter().table(ApiKeys::Table).add_column(column).to_owned()).await?;
        }
        let requests = integer_null(Licences::RequestsPerMinute);
        manager.alter_table(Table::alter().table(Licences::Table).add_column(requests).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let requests = Table::alter().table(Licences::Table).drop_column(Licences::RequestsPerMinute).to_owned();
        manager.alter_table(requests).await?;
        for column in [ApiKeys::LastUsedAt, ApiKeys::Scopes] {
            manager.alter_table(Table::alter().table(ApiKeys::Table).drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}

#[derive(DeriveIden)]
enum ApiKeys {
    Table,
    Scopes,
    LastUsedAt,
}

#[derive(DeriveIden)]
enum Licences {
    Table,
    RequestsPerMinute,
}
