//! Who is served next: chunks know their queue and how much work they are, and workspaces share by weight.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, boolean, double_null, integer, string_len, timestamp_with_time_zone,
        timestamp_with_time_zone_null, uuid, uuid_null,
    },
};

use crate::m20261121_000001_tenancy::belongs_to_workspace;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add_columns(manager).await?;
        fill_chunks(manager).await?;
        create_indexes(manager).await?;
        create_queues(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Queues::Table).to_owned()).await?;
        for name in ["chunks_by_queue", "chunks_by_readiness"] {
            manager.drop_index(Index::drop().name(name).table(Chunks::Table).to_owned()).await?;
        }
        let columns = [
            Chunks::WorkspaceId,
            Chunks::Lane,
            Chunks::Model,
            Chunks::Kind,
            Chunks::ReadyAt,
            Chunks::WorkMs,
            Chunks::PartCount,
            Chunks::Speed,
        ];
        for column in columns {
            manager.alter_table(Table::alter().table(Chunks::Table).drop_column(column).to_owned()).await?;
        }
        manager.alter_table(Table::alter().table(Jobs::Table).drop_column(Jobs::Runs).to_owned()).await?;
        let weight = Table::alter().table(Workspaces::Table).drop_column(Workspaces::Weight).to_owned();
        manager.alter_table(weight).await
    }
}

async fn add_columns(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let of_chunks = [
        uuid_null(Chunks::WorkspaceId),
        string_len(Chunks::Lane, 16).default("").take(),
        string_len(Chunks::Model, 64).default("").take(),
        string_len(Chunks::Kind, 16).default("whole").take(),
        timestamp_with_time_zone_null(Chunks::ReadyAt),
        big_integer(Chunks::WorkMs).default(0).take(),
        integer(Chunks::PartCount).default(0).take(),
        double_null(Chunks::Speed),
    ];
    // SQLite takes one column a statement.
    for column in of_chunks {
        manager.alter_table(Table::alter().table(Chunks::Table).add_column(column).to_owned()).await?;
    }
    let runs = integer(Jobs::Runs).default(1).take();
    manager.alter_table(Table::alter().table(Jobs::Table).add_column(runs).to_owned()).await?;
    let weight = integer(Workspaces::Weight).default(1).take();
    manager.alter_table(Table::alter().table(Workspaces::Table).add_column(weight).to_owned()).await
}

/// Chunks that are there already learn from their jobs where they queue.
async fn fill_chunks(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let of_job = |column: &str| format!("{column} = (SELECT jobs.{column} FROM jobs WHERE jobs.id = chunks.job_id)");
    let columns = ["workspace_id", "lane", "model"].map(of_job).join(", ");
    manager.get_connection().execute_unprepared(&format!("UPDATE chunks SET {columns}")).await?;
    Ok(())
}

async fn create_indexes(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    // Begins with the state, so that the queued chunks lie together, each workspace's in its order. Ends with the id, so
    // that this index alone has the order that claims ask for: by jobs and positions PostgreSQL may walk the index of
    // jobs, over every chunk that was ever claimed, to the first that waits.
    let by_queue = Index::create()
        .name("chunks_by_queue")
        .table(Chunks::Table)
        .col(Chunks::State)
        .col(Chunks::Lane)
        .col(Chunks::Model)
        .col(Chunks::WorkspaceId)
        .col(Chunks::JobId)
        .col(Chunks::Position)
        .col(Chunks::Id)
        .to_owned();
    manager.create_index(by_queue).await?;
    let by_readiness = Index::create().name("chunks_by_readiness").table(Chunks::Table).col(Chunks::ReadyAt).to_owned();
    manager.create_index(by_readiness).await
}

async fn create_queues(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table(Queues::Table)
                .col(string_len(Queues::Lane, 16))
                .col(string_len(Queues::Model, 64))
                .col(uuid(Queues::WorkspaceId))
                .col(boolean(Queues::Active))
                .col(big_integer(Queues::ServedMs))
                .col(timestamp_with_time_zone(Queues::ServedAt))
                .primary_key(Index::create().col(Queues::Lane).col(Queues::Model).col(Queues::WorkspaceId))
                .foreign_key(&mut belongs_to_workspace(Queues::Table, Queues::WorkspaceId))
                .to_owned(),
        )
        .await
}

#[derive(DeriveIden)]
enum Chunks {
    Table,
    Id,
    JobId,
    Position,
    State,
    WorkspaceId,
    Lane,
    Model,
    Kind,
    ReadyAt,
    WorkMs,
    PartCount,
    Speed,
}

#[derive(DeriveIden)]
enum Jobs {
    Table,
    Runs,
}

#[derive(DeriveIden)]
enum Workspaces {
    Table,
    Weight,
}

#[derive(DeriveIden)]
enum Queues {
    Table,
    Lane,
    Model,
    WorkspaceId,
    Active,
    ServedMs,
    ServedAt,
}
