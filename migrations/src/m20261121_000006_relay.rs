//! Many gateways over one outbox: leases that one of them holds at a time, and whose message a waiting one is.

use sea_orm_migration::{
    prelude::*,
    schema::{text, timestamp_with_time_zone, uuid_null},
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const OUTBOX_BY_JOB: &str = "outbox_by_job";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table(Leases::Table)
                    .col(text(Leases::Name).primary_key())
                    .col(text(Leases::Holder))
                    .col(timestamp_with_time_zone(Leases::ExpiresAt))
                    .to_owned(),
            )
            .await?;
        // A gateway of the release before writes none.
        let job = uuid_null(Outbox::JobId);
        manager.alter_table(Table::alter().table(Outbox::Table).add_column(job).to_owned()).await?;
        manager
            .create_index(
                Index::create()
                    .name(OUTBOX_BY_JOB)
                    .table(Outbox::Table)
                    .col(Outbox::JobId)
                    .col(Outbox::Position)
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite drops no column that an index names.
        manager.drop_index(Index::drop().name(OUTBOX_BY_JOB).table(Outbox::Table).to_owned()).await?;
        manager.alter_table(Table::alter().table(Outbox::Table).drop_column(Outbox::JobId).to_owned()).await?;
        manager.drop_table(Table::drop().table(Leases::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum Leases {
    Table,
    Name,
    Holder,
    ExpiresAt,
}

#[derive(DeriveIden)]
enum Outbox {
    Table,
    JobId,
    Position,
}
