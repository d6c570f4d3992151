//! How recordings come in: answers that are kept for requests that are sent again, and uploads that take several
//! requests.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, small_integer_null, string_len, text, text_null, timestamp_with_time_zone,
        timestamp_with_time_zone_null, uuid, uuid_null, var_binary_null,
    },
};

use crate::m20261121_000001_tenancy::belongs_to_workspace;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_idempotency_keys(manager).await?;
        create_uploads(manager).await?;
        create_upload_parts(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(UploadParts::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Uploads::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(IdempotencyKeys::Table).to_owned()).await
    }
}

async fn create_idempotency_keys(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table(IdempotencyKeys::Table)
                .col(uuid(IdempotencyKeys::WorkspaceId))
                .col(string_len(IdempotencyKeys::Key, 255))
                .col(uuid(IdempotencyKeys::Holder))
                .col(var_binary_null(IdempotencyKeys::Fingerprint, 32))
                .col(small_integer_null(IdempotencyKeys::Status))
                .col(text_null(IdempotencyKeys::Location))
                .col(text_null(IdempotencyKeys::Body))
                .col(timestamp_with_time_zone(IdempotencyKeys::ExpiresAt))
                .primary_key(Index::create().col(IdempotencyKeys::WorkspaceId).col(IdempotencyKeys::Key))
                .foreign_key(&mut belongs_to_workspace(IdempotencyKeys::Table, IdempotencyKeys::WorkspaceId))
                .to_owned(),
        )
        .await?;
    let by_expiry = Index::create()
        .name("idempotency_keys_by_expiry")
        .table(IdempotencyKeys::Table)
        .col(IdempotencyKeys::ExpiresAt)
        .to_owned();
    manager.create_index(by_expiry).await
}

async fn create_uploads(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table(Uploads::Table)
                .col(uuid(Uploads::Id).primary_key())
                .col(uuid(Uploads::WorkspaceId))
                .col(big_integer(Uploads::TotalBytes))
                .col(big_integer(Uploads::StoredBytes))
                .col(text(Uploads::Metadata))
                // Without a foreign key: an upload tells of its job even when that is deleted.
                .col(uuid_null(Uploads::JobId))
                .col(uuid_null(Uploads::Writer))
                .col(timestamp_with_time_zone_null(Uploads::WriterUntil))
                .col(timestamp_with_time_zone(Uploads::CreatedAt))
                .col(timestamp_with_time_zone(Uploads::ExpiresAt))
                .foreign_key(&mut belongs_to_workspace(Uploads::Table, Uploads::WorkspaceId))
                .to_owned(),
        )
        .await?;
    let by_expiry = Index::create().name("uploads_by_expiry").table(Uploads::Table).col(Uploads::ExpiresAt).to_owned();
    manager.create_index(by_expiry).await
}

async fn create_upload_parts(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table(UploadParts::Table)
                .col(uuid(UploadParts::Id).primary_key())
                .col(uuid(UploadParts::UploadId))
                .col(big_integer(UploadParts::Position))
                .col(big_integer(UploadParts::SizeBytes))
                .foreign_key(
                    ForeignKey::create()
                        .from(UploadParts::Table, UploadParts::UploadId)
                        .to(Uploads::Table, Uploads::Id)
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .to_owned(),
        )
        .await?;
    let by_upload = Index::create()
        .name("upload_parts_by_upload")
        .table(UploadParts::Table)
        .col(UploadParts::UploadId)
        .col(UploadParts::Position)
        .unique()
        .to_owned();
    manager.create_index(by_upload).await
}

#[derive(DeriveIden)]
enum IdempotencyKeys {
    Table,
    WorkspaceId,
    Key,
    Holder,
    Fingerprint,
    Status,
    Location,
    Body,
    ExpiresAt,
}

#[derive(DeriveIden)]
enum Uploads {
    Table,
    Id,
    WorkspaceId,
    TotalBytes,
    StoredBytes,
    Metadata,
    JobId,
    Writer,
    WriterUntil,
    CreatedAt,
    ExpiresAt,
}

#[derive(DeriveIden)]
enum UploadParts {
    Table,
    Id,
    UploadId,
    Position,
    SizeBytes,
}
