//! Jobs that transcribe a span of another job's recording again.

use sea_orm_migration::{
    prelude::*,
    schema::{json_binary_null, uuid_null},
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Whose transcript it is, once more beside the rest, to be looked for.
        for column in [uuid_null(Jobs::RedoOf), json_binary_null(Jobs::Redo)] {
            manager.alter_table(Table::alter().table(Jobs::Table).add_column(column).to_owned()).await?;
        }
        let redos = Index::create()
            .name("jobs_by_redo_of")
            .table(Jobs::Table)
            .col(Jobs::RedoOf)
            .and_where(Expr::col(Jobs::RedoOf).is_not_null())
            .to_owned();
        manager.create_index(redos).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name("jobs_by_redo_of").table(Jobs::Table).to_owned()).await?;
        for column in [Jobs::Redo, Jobs::RedoOf] {
            manager.alter_table(Table::alter().table(Jobs::Table).drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}

#[derive(DeriveIden)]
enum Jobs {
    Table,
    RedoOf,
    Redo,
}
