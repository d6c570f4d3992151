//! The database's own clock: leases and timestamps of several gateways agree because none of them uses its own.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::DatabaseError;

/// Now, to the millisecond.
pub(crate) async fn now(connection: &impl ConnectionTrait) -> Result<DateTime<Utc>, DatabaseError> {
    let backend = connection.get_database_backend();
    let sql = match backend {
        DbBackend::Postgres => "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS now_ms",
        _ => "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now_ms",
    };
    let row = connection.query_one_raw(Statement::from_string(backend, sql)).await?;
    let millis: i64 = row.ok_or_else(|| DatabaseError::corrupt("clock", &"no row"))?.try_get("", "now_ms")?;
    DateTime::from_timestamp_millis(millis).ok_or_else(|| DatabaseError::corrupt("clock", &millis))
}
