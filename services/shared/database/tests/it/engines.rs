//! Each test on each engine, and the little SQL of the tests' own: what no repository offers, such as a second chunk.

use escriba_database::Database;
use escriba_domain::{ChunkId, JobId};
use escriba_test_support::databases;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement, Value};

/// A migrated database and its URL.
pub(crate) struct Engine {
    pub(crate) db: Database,
    pub(crate) url: String,
}

pub(crate) async fn on_each_engine(test: impl AsyncFn(&Engine)) {
    for database in databases() {
        eprintln!("on {}", database.name);
        let db = Database::connect(&database.url).await.unwrap();
        db.migrate().await.unwrap();
        test(&Engine { db, url: database.url.clone() }).await;
    }
}

impl Engine {
    /// Runs a statement with `$1`, `$2`, … in it, and says how many rows it changed.
    pub(crate) async fn execute(&self, sql: &str, values: Vec<Value>) -> u64 {
        let raw = self.raw().await;
        let statement = Statement::from_sql_and_values(raw.get_database_backend(), sql, values);
        raw.execute_raw(statement).await.unwrap().rows_affected()
    }

    pub(crate) async fn rows_of(&self, table: &str) -> i64 {
        let raw = self.raw().await;
        let sql = format!("SELECT COUNT(*) AS rows_there FROM {table}");
        let row = raw.query_one_raw(Statement::from_string(raw.get_database_backend(), sql)).await.unwrap();
        row.unwrap().try_get("", "rows_there").unwrap()
    }

    /// A chunk beyond the first, as a planned job has them.
    pub(crate) async fn insert_chunk(&self, job: JobId, position: i32) -> ChunkId {
        let id = ChunkId::new();
        let sql = "INSERT INTO chunks (id, job_id, position, start_ms, state, ring, workspace_id, lane, model) \
                   SELECT $1, id, $3, 0, 'queued', 1, workspace_id, lane, model FROM jobs WHERE id = $2";
        self.execute(sql, vec![id.as_uuid().into(), job.as_uuid().into(), position.into()]).await;
        id
    }

    async fn raw(&self) -> DatabaseConnection {
        sea_orm::Database::connect(&self.url).await.unwrap()
    }
}
