//! A PostgreSQL cluster of the seed's own.

use std::{
    env,
    fs::{self, File},
    io::Read,
    net::SocketAddr,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, ensure};
use escriba_e2e::ports;
use rustix::{
    fs::{Gid, Uid},
    process::Signal,
};
use tokio::time::timeout;

use crate::process::{Plan, Process, Shared};

const OWNER: &str = "postgres";
const DATABASE: &str = "escriba";
const PROGRAMS: [&str; 4] = ["initdb", "postgres", "createdb", "pg_isready"];
const PATIENCE: Duration = Duration::from_secs(30);
const KNOCK_AGAIN: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct Postgres {
    pub(crate) process: Shared,
    programs: PathBuf,
    address: SocketAddr,
    password: String,
}

impl Postgres {
    /// Makes a cluster in a folder that is there, and starts its server, with one empty database. `log` is elsewhere.
    pub(crate) async fn start(folder: &Path, log: PathBuf) -> anyhow::Result<Self> {
        let [address] = ports::choose();
        let programs = programs()?;
        // Other people may be on this machine.
        let mut secret = [0; 16];
        File::open("/dev/urandom")?.read_exact(&mut secret)?;
        let password = hex::encode(secret);
        fs::write(folder.join("password"), &password)?;
        // initdb refuses to run as root; Debian's package makes a user for this.
        let user = rustix::process::geteuid().is_root().then_some(OWNER);
        if user.is_some() {
            give_away(folder)?;
        }
        let data = folder.join("data");
        let mut initdb = Command::new("setpriv");
        if let Some(user) = user {
            initdb.args(["--reuid", user, "--regid", user, "--init-groups"]);
        }
        initdb.arg("--").arg(programs.join("initdb")).arg("--pgdata").arg(&data).arg("--pwfile");
        initdb.arg(folder.join("password")).current_dir(folder);
        initdb.args("--username escriba --auth scram-sha-256 --encoding UTF8 --locale C.UTF-8".split(' '));
        let made = initdb.output()?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));

        let settings =
            ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_wal_size=128MB", "max_connections=200"];
        let mut arguments = vec!["-D".into(), data.into(), "-p".into(), address.port().to_string().into()];
        arguments.extend(settings.iter().flat_map(|setting| ["-c".into(), (*setting).into()]));
        let process = Process::new(Plan {
            name: "postgres".to_owned(),
            program: programs.join("postgres"),
            arguments,
            settings: Vec::new(),
            log,
            user,
        });
        process.lock().await.start()?;
        let postgres = Self { process, programs, address, password };
        postgres.ready().await?;
        let made = Command::new(postgres.programs.join("createdb"))
            .args(["--host", "127.0.0.1", "--username", "escriba", "--port", &address.port().to_string(), DATABASE])
            .env("PGPASSWORD", &postgres.password)
            .output()?;
        ensure!(made.status.success(), "createdb: {}", String::from_utf8_lossy(&made.stderr));
        Ok(postgres)
    }

    /// For `DATABASE_URL`.
    pub(crate) fn url(&self) -> String {
        format!("postgres://escriba:{}@{}/{DATABASE}", self.password, self.address)
    }

    pub(crate) async fn stop(&self) -> anyhow::Result<()> {
        self.process.lock().await.end(Signal::QUIT, PATIENCE).await?;
        Ok(())
    }

    /// Ends every session at once and loses nothing that was committed.
    pub(crate) async fn restart(&self, away: Duration) -> anyhow::Result<()> {
        let mut process = self.process.lock().await;
        process.end(Signal::QUIT, PATIENCE).await?;
        tokio::time::sleep(away).await;
        process.start()?;
        drop(process);
        self.ready().await
    }

    pub(crate) async fn ready(&self) -> anyhow::Result<()> {
        let knocking = async {
            let port = self.address.port().to_string();
            loop {
                let mut knock = Command::new(self.programs.join("pg_isready"));
                let answer = knock.args(["--quiet", "--host", "127.0.0.1", "--port", &port]).status();
                if answer.is_ok_and(|status| status.success()) {
                    return;
                }
                tokio::time::sleep(KNOCK_AGAIN).await;
            }
        };
        timeout(PATIENCE, knocking).await.context("PostgreSQL does not start")
    }
}

/// The newest version of Debian's, else what the search path finds.
fn programs() -> anyhow::Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    debian.sort();
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = debian.into_iter().rev().chain(env::split_paths(&path));
    let has_all = |folder: &PathBuf| PROGRAMS.iter().all(|program| folder.join(program).is_file());
    folders.find(has_all).context("PostgreSQL is missing; run: make setup-tests")
}

fn give_away(folder: &Path) -> anyhow::Result<()> {
    let id = |flag| -> anyhow::Result<u32> {
        let output = Command::new("id").args([flag, OWNER]).output()?;
        Ok(String::from_utf8(output.stdout)?.trim().parse()?)
    };
    let (user, group) = (Uid::from_raw(id("-u")?), Gid::from_raw(id("-g")?));
    for path in [folder.to_owned(), folder.join("password")] {
        chown(path, Some(user.as_raw()), Some(group.as_raw()))?;
    }
    Ok(())
}
