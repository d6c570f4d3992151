//! How long a workspace keeps recordings and transcripts, and when a recording was deleted for that.

use sea_orm_migration::{
    prelude::*,
    schema::{integer_null, timestamp_with_time_zone_null},
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite takes one column a statement. Null keeps for ever.
        for column in [integer_null(Workspaces::KeepMediaDays), integer_null(Workspaces::KeepTranscriptsDays)] {
            manager.alter_table(Table::alter().table(Workspaces::Table).add_column(column).to_owned()).await?;
        }
        let deleted = timestamp_with_time_zone_null(Media::DeletedAt);
        manager.alter_table(Table::alter().table(Media::Table).add_column(deleted).to_owned()).await?;
        let by_end = Index::create()
            .name("jobs_by_end")
            .table(Jobs::Table)
            .col(Jobs::WorkspaceId)
            .col(Jobs::FinishedAt)
            .to_owned();
        manager.create_index(by_end).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name("jobs_by_end").table(Jobs::Table).to_owned()).await?;
        manager.alter_table(Table::alter().table(Media::Table).drop_column(Media::DeletedAt).to_owned()).await?;
        for column in [Workspaces::KeepTranscriptsDays, Workspaces::KeepMediaDays] {
            manager.alter_table(Table::alter().table(Workspaces::Table).drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}

#[derive(DeriveIden)]
enum Workspaces {
    Table,
    KeepMediaDays,
    KeepTranscriptsDays,
}

#[derive(DeriveIden)]
enum Media {
    Table,
    DeletedAt,
}

#[derive(DeriveIden)]
enum Jobs {
    Table,
    WorkspaceId,
    FinishedAt,
}
