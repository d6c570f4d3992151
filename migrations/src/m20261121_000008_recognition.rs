//! How recognition came to each segment.

use sea_orm_migration::{prelude::*, schema::json_binary};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // A gateway of the release before writes none.
        let decoding = json_binary(Segments::Decoding).default("{}").take();
        manager.alter_table(Table::alter().table(Segments::Table).add_column(decoding).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table(Segments::Table).drop_column(Segments::Decoding).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum Segments {
    Table,
    Decoding,
}
