//! What speech recognition can be asked for, what it took, and how long it still takes.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer_null, boolean, json_binary, small_integer_null, string_len, text_null},
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            json_binary(Jobs::Languages).default("[]").take(),
            boolean(Jobs::Multilingual).default(false).take(),
            json_binary(Jobs::Hotwords).default("[]").take(),
            string_len(Jobs::Channels, 16).default("mix").take(),
            text_null(Jobs::AudioTrack),
            json_binary(Jobs::Statistics).default("{}").take(),
            big_integer_null(Jobs::TimeLeftMs),
        ];
        // SQLite takes one column a statement.
        for column in columns {
            manager.alter_table(Table::alter().table(Jobs::Table).add_column(column).to_owned()).await?;
        }
        let channel = small_integer_null(Segments::Channel);
        manager.alter_table(Table::alter().table(Segments::Table).add_column(channel).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            Jobs::Languages,
            Jobs::Multilingual,
            Jobs::Hotwords,
            Jobs::Channels,
            Jobs::AudioTrack,
            Jobs::Statistics,
            Jobs::TimeLeftMs,
        ];
        for column in columns {
            manager.alter_table(Table::alter().table(Jobs::Table).drop_column(column).to_owned()).await?;
        }
        manager.alter_table(Table::alter().table(Segments::Table).drop_column(Segments::Channel).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum Jobs {
    Table,
    Languages,
    Multilingual,
    Hotwords,
    Channels,
    AudioTrack,
    Statistics,
    TimeLeftMs,
}

#[derive(DeriveIden)]
enum Segments {
    Table,
    Channel,
}
