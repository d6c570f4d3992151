//! Edits of transcripts: a segment stands from one version up to another, and each version is remembered.

use sea_orm_migration::{
    prelude::*,
    schema::{integer, integer_null, json_binary, string_len, text_null, timestamp_with_time_zone, uuid},
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            // Null for a segment as it was recognised: its place in the recording names it.
            text_null(Segments::SegmentId),
            text_null(Segments::Speaker),
            integer(Segments::FromVersion).default(1).take(),
            // The version that has it no more; null while the newest has it.
            integer_null(Segments::ToVersion),
        ];
        // SQLite takes one column a statement.
        for column in columns {
            manager.alter_table(Table::alter().table(Segments::Table).add_column(column).to_owned()).await?;
        }
        manager
            .create_table(
                Table::create()
                    .table(TranscriptVersions::Table)
                    .col(uuid(TranscriptVersions::JobId))
                    .col(integer(TranscriptVersions::Version))
                    .col(string_len(TranscriptVersions::Origin, 16))
                    .col(integer_null(TranscriptVersions::RevertedTo))
                    // Keys come and go; what they did stays.
                    .col(uuid(TranscriptVersions::ApiKeyId))
                    .col(json_binary(TranscriptVersions::Summary))
                    .col(timestamp_with_time_zone(TranscriptVersions::CreatedAt))
                    .primary_key(Index::create().col(TranscriptVersions::JobId).col(TranscriptVersions::Version))
                    .foreign_key(
                        ForeignKey::create()
                            .from(TranscriptVersions::Table, TranscriptVersions::JobId)
                            .to(Jobs::Table, Jobs::Id)
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(TranscriptVersions::Table).to_owned()).await?;
        for column in [Segments::ToVersion, Segments::FromVersion, Segments::Speaker, Segments::SegmentId] {
            manager.alter_table(Table::alter().table(Segments::Table).drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}

#[derive(DeriveIden)]
enum Segments {
    Table,
    SegmentId,
    Speaker,
    FromVersion,
    ToVersion,
}

#[derive(DeriveIden)]
enum TranscriptVersions {
    Table,
    JobId,
    Version,
    Origin,
    RevertedTo,
    ApiKeyId,
    Summary,
    CreatedAt,
}

#[derive(DeriveIden)]
enum Jobs {
    Table,
    Id,
}
