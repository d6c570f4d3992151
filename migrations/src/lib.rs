//! The database schema, the same for SQLite and PostgreSQL. Knows no other crate of the workspace: a migration
//! must mean the same in a year, whatever the code around it has become.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;

mod m20261121_000001_tenancy;
mod m20261121_000002_jobs;
mod m20261121_000003_outbox;
mod m20261121_000004_speech;
mod m20261121_000005_queue;
mod m20261121_000006_relay;
mod m20261121_000007_retention;
mod m20261121_000008_recognition;
mod m20261121_000010_intake;
mod m20261121_000011_editing;
mod m20261121_000012_access;
mod m20261121_000013_listing;
mod m20261121_000014_redo;

/// All migrations, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_tenancy::Migration),
            Box::new(m20261121_000002_jobs::Migration),
            Box::new(m20261121_000003_outbox::Migration),
            Box::new(m20261121_000004_speech::Migration),
            Box::new(m20261121_000005_queue::Migration),
            Box::new(m20261121_000006_relay::Migration),
            Box::new(m20261121_000007_retention::Migration),
            Box::new(m20261121_000008_recognition::Migration),
            Box::new(m20261121_000010_intake::Migration),
            Box::new(m20261121_000011_editing::Migration),
            Box::new(m20261121_000012_access::Migration),
            Box::new(m20261121_000013_listing::Migration),
            Box::new(m20261121_000014_redo::Migration),
        ]
    }
}
