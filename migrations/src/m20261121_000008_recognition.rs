//! How recognition came to each segment, and by what a job is known again when the same is asked twice.

use sea_orm_migration::{
    prelude::*,
    schema::{json_binary, var_binary_null},
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const BY_FINGERPRINT: &str = "jobs_by_fingerprint";
/// SHA-256.
const FINGERPRINT_BYTES: u32 = 32;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // A gateway of the release before writes neither.
        let decoding = json_binary(Segments::Decoding).default("{}").take();
        manager.alter_table(Table::alter().table(Segments::Table).add_column(decoding).to_owned()).await?;
        let fingerprint = var_binary_null(Jobs::Fingerprint, FINGERPRINT_BYTES);
        manager.alter_table(Table::alter().table(Jobs::Table).add_column(fingerprint).to_owned()).await?;
        let by_fingerprint = Index::create()
            .name(BY_FINGERPRINT)
            .table(Jobs::Table)
            .col(Jobs::WorkspaceId)
            .col(Jobs::Fingerprint)
            .to_owned();
        manager.create_index(by_fingerprint).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite drops no column that an index names.
        manager.drop_index(Index::drop().name(BY_FINGERPRINT).table(Jobs::Table).to_owned()).await?;
        manager.alter_table(Table::alter().table(Jobs::Table).drop_column(Jobs::Fingerprint).to_owned()).await?;
        manager.alter_table(Table::alter().table(Segments::Table).drop_column(Segments::Decoding).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum Segments {
    Table,
    Decoding,
}

#[derive(DeriveIden)]
enum Jobs {
    Table,
    WorkspaceId,
    Fingerprint,
}
