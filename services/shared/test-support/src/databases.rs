//! Databases of a test's own: a SQLite file and a PostgreSQL database, empty at first and gone at the end.

use std::{env, process::Command};

use tempfile::TempDir;
use uuid::Uuid;

const POSTGRES_URL: &str = "TEST_POSTGRES_URL";

/// An empty database that is removed when this is dropped.
#[derive(Debug)]
pub struct TestDatabase {
    /// `sqlite` or `postgres`, for messages.
    pub name: &'static str,
    /// For `DATABASE_URL`.
    pub url: String,
    _guard: Guard,
}

#[derive(Debug)]
enum Guard {
    Folder { _folder: TempDir },
    Postgres { server: String, database: String },
}

/// One of each engine that Escriba runs on. A test goes through all of them.
///
/// Panics when there is no PostgreSQL: a suite that silently tests half of the product would be worse.
pub fn databases() -> Vec<TestDatabase> {
    vec![sqlite(), postgres()]
}

fn sqlite() -> TestDatabase {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("escriba.db").display());
    TestDatabase { name: "sqlite", url, _guard: Guard::Folder { _folder: folder } }
}

fn postgres() -> TestDatabase {
    let server = env::var(POSTGRES_URL).unwrap_or_else(|_| {
        panic!("{POSTGRES_URL} is not set: run the tests with `make test`, or with `dev/with-postgres cargo test`")
    });
    let database = format!("escriba_test_{}", Uuid::now_v7().simple());
    psql(&server, &format!("CREATE DATABASE {database}")).unwrap_or_else(|reason| panic!("{POSTGRES_URL}: {reason}"));
    let url = with_database(&server, &database);
    TestDatabase { name: "postgres", url, _guard: Guard::Postgres { server, database } }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Self::Postgres { server, database } = self
            && let Err(reason) = psql(server, &format!("DROP DATABASE {database} WITH (FORCE)"))
        {
            eprintln!("the test database {database} was left behind: {reason}");
        }
    }
}

fn psql(server: &str, statement: &str) -> Result<(), String> {
    let ran = Command::new("psql")
        .args([server, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--command", statement])
        .output()
        .map_err(|error| format!("psql cannot be run: {error}"))?;
    if ran.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&ran.stderr).trim().to_owned()) }
}

/// The same server's URL, naming another database.
fn with_database(server: &str, database: &str) -> String {
    let (address, query) = server.split_once('?').map_or((server, None), |(address, query)| (address, Some(query)));
    let (scheme, rest) = address.split_once("://").expect("TEST_POSTGRES_URL is a URL");
    let host = rest.split('/').next().unwrap_or_default();
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{scheme}://{host}/{database}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_changes_in_a_url() {
        for (server, expected) in [
            ("postgres://postgres@127.0.0.1:5432/postgres", "postgres://postgres@127.0.0.1:5432/mine"),
            ("postgres://u:p@host", "postgres://u:p@host/mine"),
            ("postgresql:///postgres?host=/run/pg", "postgresql:///mine?host=/run/pg"),
        ] {
            assert_eq!(with_database(server, "mine"), expected);
        }
    }
}
