//! A whole Escriba whose every part can be broken: gateways, export and simulated transcribers as processes, wires
//! between them, a nats-server, a database, and small disks. It only makes and ends it; what breaks it is elsewhere.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use escriba_database::Database;
use escriba_test_support::{eventually, tenant};
use rustix::process::Signal;
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    caller::Caller,
    clock::WrongClock,
    house::House,
    layout::Layout,
    nats::Nats,
    process::{self, Shared},
    proxy::Proxy,
    volume::Volume,
};

pub(crate) const TRANSCRIBERS: usize = 3;
const WORKSPACES: usize = 3;
/// Megabytes.
const STORAGE: u64 = 208;
const TEMPORARY: u64 = 72;
const PATIENCE: Duration = Duration::from_secs(90);
/// Within this a program ends that is told to.
pub(crate) const DRAIN: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct Stack {
    pub(crate) house: House,
    pub(crate) database_url: String,
    pub(crate) nats: Nats,
    pub(crate) gateways: Vec<Shared>,
    pub(crate) export: Shared,
    pub(crate) transcribers: Vec<Shared>,
    /// The transcribers' wires to gateways.
    pub(crate) report_wires: Vec<Proxy>,
    /// Everybody's wire to NATS.
    pub(crate) nats_wires: Vec<Proxy>,
    pub(crate) storage: Volume,
    /// Where transcribers keep recordings while they hear them.
    pub(crate) temporary: Volume,
    /// One a workspace.
    pub(crate) callers: Vec<Caller>,
    /// The program of all transcribers and their decoders.
    pub(crate) transcriber: PathBuf,
    internal: Vec<SocketAddr>,
    supervisor: JoinHandle<()>,
}

impl Stack {
    /// Makes everything in a folder, and waits until all of it works.
    pub(crate) async fn start(folder: &Path, house: House, clock: Option<WrongClock>) -> anyhow::Result<Self> {
        let database_url = house.url();
        let storage = Volume::make(folder.join("storage"), STORAGE)?;
        let temporary = Volume::make(folder.join("tmp"), TEMPORARY)?;
        let mut layout = Layout::new(folder, &database_url, &storage, &temporary, clock)?;
        let nats = Nats::start(folder, layout.nats).await?;
        for number in 0..house.gateways() {
            layout.add_gateway(number).await?;
        }
        layout.add_export()?;
        for number in 0..TRANSCRIBERS {
            layout.add_transcriber(number).await?;
        }
        let Layout { gateways, export, transcribers, report_wires, nats_wires, internal, urls, transcriber, .. } =
            layout;
        let export = export.context("the layout has an export service")?;
        let callers = open_accounts(&database_url, &urls).await?;
        let supervisor = tokio::spawn(async {});
        let mut stack = Self {
            house,
            database_url,
            nats,
            gateways,
            export,
            transcribers,
            report_wires,
            nats_wires,
            storage,
            temporary,
            callers,
            transcriber,
            internal,
            supervisor,
        };
        for process in stack.processes() {
            process.lock().await.start()?;
        }
        stack.supervisor = tokio::spawn(process::supervise(stack.processes()));
        stack.ready().await?;
        Ok(stack)
    }

    /// Every program of ours, in the order in which they start.
    pub(crate) fn processes(&self) -> Vec<Shared> {
        self.gateways.iter().chain([&self.export]).chain(&self.transcribers).cloned().collect()
    }

    /// The servers that ours need.
    pub(crate) fn servers(&self) -> Vec<Shared> {
        let database = self.house.server().map(|server| server.process.clone());
        database.into_iter().chain([self.nats.process.clone()]).collect()
    }

    /// Waits until they can be used.
    pub(crate) async fn servers_ready(&self) -> anyhow::Result<()> {
        if let Some(server) = self.house.server() {
            server.ready().await?;
        }
        self.nats.ready().await
    }

    pub(crate) fn disks(&self) -> [&Volume; 4] {
        [self.house.disk(), &self.nats.disk, &self.storage, &self.temporary]
    }

    /// Waits until every program says that it can work.
    pub(crate) async fn ready(&self) -> anyhow::Result<()> {
        let http = reqwest::Client::new();
        for internal in &self.internal {
            let url = format!("http://{internal}/readyz");
            let looking = async {
                while !http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                    sleep(LOOK_AGAIN).await;
                }
            };
            timeout(PATIENCE, looking).await.with_context(|| format!("{url} does not become ready"))?;
        }
        Ok(())
    }

    /// The database as it is, for looking only.
    pub(crate) async fn database(&self) -> anyhow::Result<Database> {
        Ok(Database::connect_read_only(&self.database_url).await?)
    }

    /// Ends everybody as an operator does. The answer names those who did not end well.
    pub(crate) async fn stop(&self) -> anyhow::Result<Vec<String>> {
        self.supervisor.abort();
        let mut badly = Vec::new();
        // Those who report end before those who are reported to.
        for process in self.processes().iter().rev() {
            let mut process = process.lock().await;
            if !process.stop(DRAIN).await? {
                badly.push(format!("{} did not end well when it was told to stop", process.name()));
            }
        }
        self.nats.process.lock().await.end(Signal::TERM, DRAIN).await?;
        if let Some(server) = self.house.server() {
            server.stop().await?;
        }
        Ok(badly)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

/// Makes the schema, and a workspace with a key for each caller.
async fn open_accounts(database_url: &str, gateways: &[String]) -> anyhow::Result<Vec<Caller>> {
    // A server that was made a moment ago on a busy machine takes its time for the first connections.
    let migrated = async || {
        let database = Database::connect(database_url).await.ok()?;
        database.migrate().await.ok().map(|()| database)
    };
    let database = eventually("the database takes the schema", migrated).await;
    let mut callers = Vec::with_capacity(WORKSPACES);
    for number in 0..WORKSPACES {
        let tenant = tenant(&database, &format!("workspace {number}")).await;
        callers.push(Caller::new(tenant.workspace, &tenant.key, gateways));
    }
    Ok(callers)
}
