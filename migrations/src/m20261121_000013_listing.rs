//! Finding jobs again: labels that callers write on them, an index for each way of listing, and the words of titles,
//! file names and transcripts.
//!
//! Words are not indexed where text is written. Triggers note what has become stale, whoever wrote it, and the gateway
//! indexes that soon after; so writing text stays as quick as it was, and no writer can forget the index.

use sea_orm_migration::{
    prelude::*,
    schema::{json_binary, string_len, text_null, timestamp_with_time_zone, uuid},
    sea_orm::DbBackend,
};

use crate::m20261121_000001_tenancy::belongs_to_workspace;

mod sql;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add_labels(manager).await?;
        let (engine, shared) = match manager.get_database_backend() {
            DbBackend::Postgres => (sql::POSTGRES_UP, sql::POSTGRES_EXPRESSIONS),
            _ => (sql::SQLITE_UP, sql::SQLITE_EXPRESSIONS),
        };
        let connection = manager.get_connection();
        connection.execute_unprepared(&sql::indexes(shared)).await?;
        connection.execute_unprepared(sql::SEARCH_TABLES).await?;
        connection.execute_unprepared(engine).await?;
        // What is there already is indexed by the gateway as well.
        connection.execute_unprepared(sql::ALL_STALE).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let engine = match manager.get_database_backend() {
            DbBackend::Postgres => sql::POSTGRES_DOWN,
            _ => sql::SQLITE_DOWN,
        };
        let connection = manager.get_connection();
        connection.execute_unprepared(engine).await?;
        connection.execute_unprepared(sql::SEARCH_TABLES_DOWN).await?;
        connection.execute_unprepared(sql::INDEXES_DOWN).await?;
        manager.drop_table(Table::drop().table(JobTags::Table).to_owned()).await?;
        for column in [Jobs::Title, Jobs::Tags, Jobs::Metadata] {
            manager.alter_table(Table::alter().table(Jobs::Table).drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}

async fn add_labels(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns = [
        text_null(Jobs::Title),
        json_binary(Jobs::Tags).default("[]").take(),
        json_binary(Jobs::Metadata).default("{}").take(),
    ];
    // SQLite takes one column a statement.
    for column in columns {
        manager.alter_table(Table::alter().table(Jobs::Table).add_column(column).to_owned()).await?;
    }
    // The tags once more, so that the newest jobs of a tag lie together. Kept by triggers.
    manager
        .create_table(
            Table::create()
                .table(JobTags::Table)
                .col(uuid(JobTags::WorkspaceId))
                .col(string_len(JobTags::Tag, 64))
                .col(timestamp_with_time_zone(JobTags::CreatedAt))
                .col(uuid(JobTags::JobId))
                .primary_key(
                    Index::create()
                        .col(JobTags::WorkspaceId)
                        .col(JobTags::Tag)
                        .col(JobTags::CreatedAt)
                        .col(JobTags::JobId),
                )
                .foreign_key(&mut belongs_to_workspace(JobTags::Table, JobTags::WorkspaceId))
                .foreign_key(
                    ForeignKey::create()
                        .from(JobTags::Table, JobTags::JobId)
                        .to(Jobs::Table, Jobs::Id)
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .to_owned(),
        )
        .await?;
    let by_job = Index::create().name("job_tags_by_job").table(JobTags::Table).col(JobTags::JobId).to_owned();
    manager.create_index(by_job).await
}

#[derive(DeriveIden)]
enum Jobs {
    Table,
    Id,
    Title,
    Tags,
    Metadata,
}

#[derive(DeriveIden)]
enum JobTags {
    Table,
    WorkspaceId,
    Tag,
    CreatedAt,
    JobId,
}
