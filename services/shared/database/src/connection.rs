//! Connections and transactions, with the settings each engine needs.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use escriba_migrations::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use tokio::sync::Notify;

use crate::{DatabaseError, clock};

/// A pool of connections. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Database {
    pub(crate) connection: DatabaseConnection,
    committed: Arc<Notify>,
}

impl Database {
    /// Connects to `sqlite://path?mode=rwc` or `postgres://…` for reading and writing.
    pub async fn connect(url: &str) -> Result<Self, DatabaseError> {
        Self::open(url, false).await
    }

    /// Connects for reading alone: a write through this pool is refused by the engine.
    pub async fn connect_read_only(url: &str) -> Result<Self, DatabaseError> {
        Self::open(url, true).await
    }

    async fn open(url: &str, read_only: bool) -> Result<Self, DatabaseError> {
        let known = ["sqlite:", "postgres:", "postgresql:"].iter().any(|scheme| url.starts_with(scheme));
        if !known {
            return Err(DatabaseError::Url("it must start with sqlite:// or postgres://".to_owned()));
        }
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(10)
            .acquire_timeout(Duration::from_secs(5))
            .sqlx_logging(false)
            .map_sqlx_sqlite_opts(move |sqlite| {
                use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
                let sqlite = sqlite
                    .synchronous(SqliteSynchronous::Full)
                    .busy_timeout(Duration::from_secs(5))
                    .optimize_on_close(!read_only, None);
                // A reader that set the journal mode would itself be writing.
                if read_only { sqlite.pragma("query_only", "on") } else { sqlite.journal_mode(SqliteJournalMode::Wal) }
            })
            .map_sqlx_postgres_opts(move |postgres| {
                if read_only { postgres.options([("default_transaction_read_only", "on")]) } else { postgres }
            });
        let connection = sea_orm::Database::connect(options).await?;
        Ok(Self { connection, committed: Arc::default() })
    }

    /// Brings the schema up to date.
    pub async fn migrate(&self) -> Result<(), DatabaseError> {
        Ok(Migrator::up(&self.connection, None).await?)
    }

    /// Takes the schema back to nothing, migration by migration.
    pub async fn unmigrate(&self) -> Result<(), DatabaseError> {
        Ok(Migrator::down(&self.connection, None).await?)
    }

    /// An answer proves that the database answers.
    pub async fn ping(&self) -> Result<(), DatabaseError> {
        self.connection.execute_unprepared("SELECT 1").await?;
        Ok(())
    }

    pub async fn now(&self) -> Result<DateTime<Utc>, DatabaseError> {
        clock::now(&self.connection).await
    }

    /// Begins a transaction that may write. On SQLite it takes the write lock at once: one that began by reading
    /// would fail, rather than wait, when another wrote in between.
    pub async fn begin(&self) -> Result<Transaction, DatabaseError> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let inner = self.connection.begin_with_options(options).await?;
        let now = clock::now(&inner).await?;
        Ok(Transaction { inner, now, committed: self.committed.clone() })
    }

    /// Resolves after a transaction of this pool has committed; the relay waits for it.
    pub async fn committed(&self) {
        self.committed.notified().await;
    }
}

/// Changes that happen together or not at all. Dropping it undoes them.
#[derive(Debug)]
pub struct Transaction {
    pub(crate) inner: DatabaseTransaction,
    now: DateTime<Utc>,
    committed: Arc<Notify>,
}

impl Transaction {
    /// The database's time when the transaction began.
    pub const fn now(&self) -> DateTime<Utc> {
        self.now
    }

    pub async fn commit(self) -> Result<(), DatabaseError> {
        self.inner.commit().await?;
        self.committed.notify_one();
        Ok(())
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.inner.get_database_backend() == DbBackend::Postgres
    }
}
