//! Messages that wait to be published, written in the transaction of the change they tell of.

use sea_orm_migration::{
    prelude::*,
    schema::{big_pk_auto, blob, json_binary, text, uuid_uniq},
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table(Outbox::Table)
                    .col(big_pk_auto(Outbox::Position))
                    .col(uuid_uniq(Outbox::Id))
                    .col(text(Outbox::Subject))
                    .col(json_binary(Outbox::Headers))
                    .col(blob(Outbox::Payload))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Outbox::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum Outbox {
    Table,
    Position,
    Id,
    Subject,
    Headers,
    Payload,
}
