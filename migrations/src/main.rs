//! `escriba-migrations up | down | status …`, with `DATABASE_URL` naming the database.

use escriba_migrations::Migrator;
use sea_orm_migration::prelude::*;

#[tokio::main]
async fn main() {
    cli::run_cli(Migrator).await;
}
