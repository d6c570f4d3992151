//! The PostgreSQL database of a stand, and the way to it that goes around Escriba: rows by the hundred thousand are
//! written by `psql`.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};
use escriba_test_support::{TestDatabase, databases};

/// What a commit waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// As `dev/with-postgres` starts the server.
    Memory,
    /// As a server is installed: a commit is on the disk.
    Disk,
}

#[derive(Debug)]
pub(crate) struct Postgres {
    database: TestDatabase,
}

impl Postgres {
    pub(crate) fn new(durability: Durability) -> anyhow::Result<Self> {
        let database = databases().into_iter().find(|database| database.name == "postgres");
        let postgres = Self { database: database.context("one of the databases is PostgreSQL")? };
        let word = match durability {
            Durability::Memory => "off",
            Durability::Disk => "on",
        };
        let settings = ["fsync", "synchronous_commit", "full_page_writes"];
        let settings = settings.map(|name| format!("ALTER SYSTEM SET {name} = {word};\n")).concat();
        postgres.run(&format!("{settings}SELECT pg_reload_conf();"))?;
        Ok(postgres)
    }

    pub(crate) fn url(&self) -> &str {
        &self.database.url
    }

    /// Runs a script, and gives back what it says: a row a line, columns between bars.
    pub(crate) fn run(&self, script: &str) -> anyhow::Result<String> {
        let mut psql = Command::new("psql")
            .args([self.url(), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("psql cannot be run")?;
        psql.stdin.take().context("psql listens")?.write_all(script.as_bytes())?;
        let output = psql.wait_with_output()?;
        ensure!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr).trim());
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// The one number that a query gives.
    pub(crate) fn number(&self, query: &str) -> anyhow::Result<f64> {
        let answer = self.run(query)?;
        answer.parse().with_context(|| format!("{query}: {answer}"))
    }
}
