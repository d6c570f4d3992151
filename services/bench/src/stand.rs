//! A whole Escriba to measure: nats-server, PostgreSQL, a gateway and simulated transcribers, each a process of its own,
//! and the client that asks them.

use std::{ffi::OsString, fs, net::SocketAddr, path::PathBuf, time::Duration};

use escriba_database::{Database, outbox};
use escriba_e2e::{Client, Service, Studio, nats_wire::NatsWire, ports};
use escriba_test_support::{Nats, Tenant, sample, tenant};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::postgres::{Durability, Postgres};

const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Simulated workers: some processes with some slots each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Workers {
    pub(crate) processes: usize,
    pub(crate) slots: usize,
    /// Milliseconds of recording in a millisecond; 0 takes no time.
    pub(crate) speed: u32,
}

/// Dropped, it ends all its processes and removes all its files.
#[derive(Debug)]
pub(crate) struct Stand {
    pub(crate) gateway: Service,
    pub(crate) client: Client,
    pub(crate) tenant: Tenant,
    pub(crate) database: Database,
    transcribers: Vec<Service>,
    /// Where the gateway takes reports.
    pub(crate) reports: SocketAddr,
    nats: Nats,
    pub(crate) postgres: Postgres,
    pub(crate) studio: Studio,
    folder: TempDir,
}

impl Stand {
    pub(crate) async fn start(durability: Durability) -> anyhow::Result<Self> {
        let postgres = Postgres::new(durability)?;
        let nats = Nats::start();
        let folder = tempfile::tempdir()?;
        for needed in ["media", "tmp"] {
            fs::create_dir(folder.path().join(needed))?;
        }
        let database = Database::connect(postgres.url()).await?;
        database.migrate().await?;
        let tenant = tenant(&database, "bench").await;
        let [http, reports, internal, exports] = ports::choose();
        let settings = vec![
            ("DATABASE_URL", postgres.url().into()),
            ("NATS_URL", nats.url().into()),
            ("STORAGE_URL", storage_url(&folder)),
            // Nobody renders here.
            ("EXPORT_URL", format!("http://{exports}").into()),
            // Nobody is held back where speed is measured.
            ("REQUESTS_PER_MINUTE", "0".into()),
            ("GATEWAY_HTTP_ADDR", http.to_string().into()),
            ("GATEWAY_GRPC_ADDR", reports.to_string().into()),
            ("GATEWAY_INTERNAL_ADDR", internal.to_string().into()),
        ];
        let mut gateway = Service::new("escriba-gateway", settings, folder.path().join("gateway.log"), internal);
        gateway.start().await;
        let client = Client::new(format!("http://{http}"), &tenant.key);
        let (transcribers, studio) = (Vec::new(), Studio::default());
        Ok(Self { gateway, client, tenant, database, transcribers, reports, nats, postgres, studio, folder })
    }

    /// Ends the transcribers there are, and starts others.
    pub(crate) async fn staff(&mut self, workers: Workers) {
        self.transcribers.clear();
        for number in 0..workers.processes {
            let [internal] = ports::choose();
            let settings = vec![
                ("NATS_URL", self.nats.url().into()),
                ("STORAGE_URL", storage_url(&self.folder)),
                ("REPORTS_URL", format!("http://{}", self.reports).into()),
                ("MODELS_DIR", self.folder.path().into()),
                ("TRANSCRIBER_INTERNAL_ADDR", internal.to_string().into()),
                ("TMPDIR", self.folder.path().join("tmp").into()),
                ("WHISPER_SLOTS", workers.slots.to_string().into()),
                ("SIMULATED_SPEED", workers.speed.to_string().into()),
            ];
            let log = self.folder.path().join(format!("transcriber-{number}.log"));
            let mut transcriber = Service::new("escriba-transcriber-simulated", settings, log, internal);
            transcriber.start().await;
            self.transcribers.push(transcriber);
        }
    }

    /// The first seconds of the English sample: a few kilobytes.
    pub(crate) fn short_recording(&self, seconds: u32) -> PathBuf {
        let arguments = format!("-t {seconds} -ar 16000 -ac 1 -c:a libopus -b:a 16k");
        self.studio.convert(&sample("english.m4a"), &arguments, "short.ogg")
    }

    /// Waits until the relay has published everything.
    pub(crate) async fn outbox_is_empty(&self) -> anyhow::Result<()> {
        while outbox::count(&self.database).await? > 0 {
            sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    /// Waits until so many jobs are completed.
    pub(crate) async fn completed(&self, jobs: usize) -> anyhow::Result<()> {
        let query = "SELECT count(*) FROM jobs WHERE state = 'completed'";
        while self.postgres.number(query)? < crate::report::number(jobs as u64) {
            sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    /// How many messages a stream holds.
    pub(crate) async fn stored(&self, stream: &str) -> u64 {
        NatsWire::connect(&self.nats.url()).await.stored(stream).await
    }
}

fn storage_url(folder: &TempDir) -> OsString {
    format!("file://{}", folder.path().join("media").display()).into()
}
