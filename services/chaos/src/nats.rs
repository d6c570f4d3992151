//! A nats-server of the seed's own, with a store that can be lost and a disk that can be full.

use std::{fs, net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::Context;
use escriba_e2e::nats_wire::NatsWire;
use escriba_test_support::repo_root;
use rustix::process::Signal;
use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{
    process::{Plan, Process, Shared},
    volume::Volume,
};

const PATIENCE: Duration = Duration::from_secs(30);
const KNOCK_AGAIN: Duration = Duration::from_millis(50);
/// What the streams may grow to is set aside beforehand, on paper: more than the small disk holds.
const MOST_STORED: &str = "16GB";
/// Megabytes.
const DISK: u64 = 56;

#[derive(Debug)]
pub(crate) struct Nats {
    pub(crate) process: Shared,
    pub(crate) disk: Volume,
    address: SocketAddr,
}

impl Nats {
    pub(crate) async fn start(folder: &std::path::Path, address: SocketAddr) -> anyhow::Result<Self> {
        let disk = Volume::make(folder.join("nats"), DISK)?;
        let config = folder.join("nats.conf");
        let store = disk.path().join("store");
        fs::write(
            &config,
            format!(
                "listen: \"{address}\"\njetstream {{ store_dir: \"{}\", sync_interval: always, max_file_store: {MOST_STORED} }}\n",
                store.display()
            ),
        )?;
        let process = Process::new(Plan {
            name: "nats".to_owned(),
            program: program(),
            arguments: vec!["--config".into(), config.into()],
            settings: Vec::new(),
            log: folder.join("nats.log"),
            user: None,
        });
        process.lock().await.start()?;
        let nats = Self { process, disk, address };
        nats.ready().await?;
        Ok(nats)
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    pub(crate) async fn wire(&self) -> NatsWire {
        NatsWire::connect(&self.url()).await
    }

    /// Ends it so, and starts it again after a while.
    pub(crate) async fn restart(&self, signal: Signal, away: Duration) -> anyhow::Result<()> {
        let mut process = self.process.lock().await;
        process.end(signal, PATIENCE).await?;
        sleep(away).await;
        process.start()?;
        self.ready().await
    }

    /// Loses everything that it kept.
    pub(crate) async fn lose_store(&self, away: Duration) -> anyhow::Result<()> {
        let mut process = self.process.lock().await;
        process.kill().await?;
        fs::remove_dir_all(self.disk.path().join("store"))?;
        sleep(away).await;
        process.start()?;
        self.ready().await
    }

    /// Has no room for anything for a while. Room alone does not bring it back, so it is restarted.
    pub(crate) async fn run_full(&self, time: Duration) -> anyhow::Result<()> {
        let mut process = self.process.lock().await;
        self.disk.fill()?;
        sleep(time).await;
        self.disk.make_room()?;
        process.kill().await?;
        process.start()?;
        self.ready().await
    }

    /// It greets whoever connects, once it has read its store.
    pub(crate) async fn ready(&self) -> anyhow::Result<()> {
        let greeted = async {
            loop {
                if let Ok(mut stream) = TcpStream::connect(self.address).await
                    && stream.read_u8().await.is_ok()
                {
                    return;
                }
                sleep(KNOCK_AGAIN).await;
            }
        };
        timeout(PATIENCE, greeted).await.context("nats-server does not start")
    }
}

fn program() -> PathBuf {
    std::env::var_os("NATS_SERVER").map_or_else(|| repo_root().join(".local/bin/nats-server"), PathBuf::from)
}
