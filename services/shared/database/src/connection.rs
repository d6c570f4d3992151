//! Connections and transactions, with the settings each engine needs.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use escriba_migrations::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use tokio::{sync::Notify, time::timeout};

use crate::{DatabaseError, clock};

/// A gateway that is frozen in the middle of a transaction holds up nobody for long.
const POSTGRES_SETTINGS: [(&str, &str); 3] =
    [("idle_in_transaction_session_timeout", "10s"), ("lock_timeout", "15s"), ("statement_timeout", "30s")];

/// Any number that nobody else locks in this database.
const MIGRATION_LOCK: i64 = 0x0065_7363_7269_6261;

/// The longest that a caller waits for an answer.
const ANSWER: Duration = Duration::from_secs(20);

/// Waits for what is asked of the database. One that hangs is one that is away.
pub async fn within_reason<T, E: From<DatabaseError>>(asked: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    timeout(ANSWER, asked).await.unwrap_or_else(|_| Err(DatabaseError::Silent.into()))
}

/// A connection that has been idle for longer is asked whether it still stands before it is used. To ask before each
/// statement would double the ways to the database; one that broke a moment ago fails the statement instead.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);

/// A pool of connections. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Database {
    pub(crate) connection: DatabaseConnection,
    committed: Arc<Notify>,
    /// The same news, for the one who indexes.
    written: Arc<Notify>,
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
            .test_before_acquire_if_idle_for(TRUSTED_IDLE)
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
                let postgres = postgres.options(POSTGRES_SETTINGS);
                if read_only { postgres.options([("default_transaction_read_only", "on")]) } else { postgres }
            });
        let connection = sea_orm::Database::connect(options).await?;
        Ok(Self { connection, committed: Arc::default(), written: Arc::default() })
    }

    /// Brings the schema up to date. Of several that try at once, one does it, and the others wait.
    pub async fn migrate(&self) -> Result<(), DatabaseError> {
        let tx = self.connection.begin().await?;
        if tx.get_database_backend() == DbBackend::Postgres {
            // A large table takes its time.
            tx.execute_unprepared("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0").await?;
            tx.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")).await?;
        }
        Migrator::up(&tx, None).await?;
        Ok(tx.commit().await?)
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
        Ok(Transaction { inner, now, committed: self.committed.clone(), written: self.written.clone() })
    }

    /// Resolves after a transaction of this pool has committed; whoever indexes text waits for it.
    pub async fn written(&self) {
        self.written.notified().await;
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
    written: Arc<Notify>,
}

impl Transaction {
    /// The database's time when the transaction began.
    pub const fn now(&self) -> DateTime<Utc> {
        self.now
    }

    pub async fn commit(self) -> Result<(), DatabaseError> {
        self.inner.commit().await?;
        self.committed.notify_one();
        self.written.notify_one();
        Ok(())
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.inner.get_database_backend() == DbBackend::Postgres
    }
}
