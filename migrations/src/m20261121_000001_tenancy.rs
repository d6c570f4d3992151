//! Who uses Escriba: workspaces, the people in them, their keys, and the terms they run under.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer_null, integer_null, string_len, text, text_null, text_uniq, timestamp_with_time_zone,
        timestamp_with_time_zone_null, uuid, uuid_uniq, var_binary_uniq,
    },
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table(Workspaces::Table)
                    .col(uuid(Workspaces::Id).primary_key())
                    .col(text(Workspaces::Name))
                    .col(timestamp_with_time_zone(Workspaces::CreatedAt))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table(Users::Table)
                    .col(uuid(Users::Id).primary_key())
                    .col(text_uniq(Users::Email))
                    .col(text(Users::Name))
                    .col(text_null(Users::PasswordHash))
                    .col(timestamp_with_time_zone(Users::CreatedAt))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table(Memberships::Table)
                    .col(uuid(Memberships::WorkspaceId))
                    .col(uuid(Memberships::UserId))
                    .col(string_len(Memberships::Role, 16))
                    .col(timestamp_with_time_zone(Memberships::CreatedAt))
                    .primary_key(Index::create().col(Memberships::WorkspaceId).col(Memberships::UserId))
                    .foreign_key(&mut belongs_to_workspace(Memberships::Table, Memberships::WorkspaceId))
                    .foreign_key(
                        ForeignKey::create()
                            .from(Memberships::Table, Memberships::UserId)
                            .to(Users::Table, Users::Id)
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("memberships_by_user")
                    .table(Memberships::Table)
                    .col(Memberships::UserId)
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table(ApiKeys::Table)
                    .col(uuid(ApiKeys::Id).primary_key())
                    .col(uuid(ApiKeys::WorkspaceId))
                    .col(text(ApiKeys::Name))
                    .col(string_len(ApiKeys::Prefix, 16))
                    .col(var_binary_uniq(ApiKeys::SecretHash, 32))
                    .col(timestamp_with_time_zone(ApiKeys::CreatedAt))
                    .col(timestamp_with_time_zone_null(ApiKeys::ExpiresAt))
                    .col(timestamp_with_time_zone_null(ApiKeys::RevokedAt))
                    .foreign_key(&mut belongs_to_workspace(ApiKeys::Table, ApiKeys::WorkspaceId))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("api_keys_by_workspace")
                    .table(ApiKeys::Table)
                    .col(ApiKeys::WorkspaceId)
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table(Licences::Table)
                    .col(uuid(Licences::Id).primary_key())
                    .col(uuid_uniq(Licences::WorkspaceId))
                    .col(big_integer_null(Licences::MaxUploadBytes))
                    .col(big_integer_null(Licences::MaxAudioMs))
                    .col(integer_null(Licences::MaxUnfinishedJobs))
                    .col(timestamp_with_time_zone(Licences::ValidFrom))
                    .col(timestamp_with_time_zone_null(Licences::ValidUntil))
                    .foreign_key(&mut belongs_to_workspace(Licences::Table, Licences::WorkspaceId))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Licences::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(ApiKeys::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Memberships::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Users::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Workspaces::Table).to_owned()).await
    }
}

/// The foreign key of a table whose rows go with their workspace.
pub(crate) fn belongs_to_workspace(
    table: impl IntoIden + 'static,
    column: impl IntoIden + 'static,
) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(table, column)
        .to(Workspaces::Table, Workspaces::Id)
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}

#[derive(DeriveIden)]
pub(crate) enum Workspaces {
    Table,
    Id,
    Name,
    CreatedAt,
}

#[derive(DeriveIden)]
enum Users {
    Table,
    Id,
    Email,
    Name,
    PasswordHash,
    CreatedAt,
}

#[derive(DeriveIden)]
enum Memberships {
    Table,
    WorkspaceId,
    UserId,
    Role,
    CreatedAt,
}

#[derive(DeriveIden)]
enum ApiKeys {
    Table,
    Id,
    WorkspaceId,
    Name,
    Prefix,
    SecretHash,
    CreatedAt,
    ExpiresAt,
    RevokedAt,
}

#[derive(DeriveIden)]
enum Licences {
    Table,
    Id,
    WorkspaceId,
    MaxUploadBytes,
    MaxAudioMs,
    MaxUnfinishedJobs,
    ValidFrom,
    ValidUntil,
}
