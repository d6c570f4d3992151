//! A whole Escriba on free ports of this machine, with a folder of its own: nats-server, gateway, export, transcriber.

use std::{
    ffi::OsString,
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    thread,
};

use escriba_database::{Database, outbox};
use escriba_test_support::{Nats, TestDatabase, eventually, tenant};
use tempfile::TempDir;

use crate::{Client, Service, nats_wire::NatsWire, ports, programs, words::heading};

/// What a test may choose about its stack.
#[derive(Debug, Default)]
pub struct Setup {
    /// Left out: a new SQLite file.
    pub database: Option<TestDatabase>,
    /// Where spans are sent.
    pub otlp_endpoint: Option<String>,
    /// Two need PostgreSQL.
    pub gateways: Gateways,
    /// Settings of the gateway beside the usual ones.
    pub gateway: Vec<(&'static str, &'static str)>,
    /// Settings of the transcriber beside the usual ones.
    pub transcriber: Vec<(&'static str, &'static str)>,
}

/// How many gateways transcribers know of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Gateways {
    #[default]
    One,
    Two,
}

/// Permission to use the machine's processors: recognition takes all of them, so stacks run one after the other, in
/// this test program and in others.
#[derive(Debug)]
pub struct Turn {
    _lock: File,
}

/// A running stack. Dropped, it ends all processes and removes all files; a failing test prints the logs first.
#[derive(Debug)]
pub struct Stack {
    pub gateway: Service,
    /// Stands idle until it is started, and takes only reports from the stack's transcribers.
    pub second_gateway: Service,
    pub export: Service,
    pub transcriber: Service,
    /// Stands idle until it is started.
    pub second_transcriber: Service,
    pub client: Client,
    pub nats: Nats,
    pub database_url: String,
    _database: Option<TestDatabase>,
    folder: TempDir,
    _turn: Turn,
}

impl Turn {
    /// Waits for its turn.
    pub fn take() -> Self {
        let path = programs::program("escriba").with_file_name("e2e.lock");
        let lock = File::options().create(true).append(true).open(&path).expect("the target folder can be written");
        lock.lock().expect("a file can be locked");
        Self { _lock: lock }
    }
}

impl Stack {
    /// A stack with nothing special about it.
    pub async fn start() -> Self {
        Self::start_with(Setup::default()).await
    }

    pub async fn start_with(setup: Setup) -> Self {
        let turn = Turn::take();
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let nats = Nats::start();
        let plan = Plan::new(folder.path(), &nats, &setup);
        let (mut gateway, second_gateway, mut export) = (plan.gateway(), plan.second_gateway(), plan.export());
        let [mut transcriber, second_transcriber] = [2, 3].map(|nth| plan.transcriber(nth));
        // The gateway makes the schema that the export service waits for.
        gateway.start().await;
        export.start().await;
        transcriber.start().await;
        let key = fs::read_to_string(plan.key_file()).expect("the gateway has made a key");
        Self {
            gateway,
            second_gateway,
            export,
            transcriber,
            second_transcriber,
            client: Client::new(format!("http://{}", plan.http), key.trim()),
            nats,
            database_url: plan.database_url,
            _database: setup.database,
            folder,
            _turn: turn,
        }
    }

    /// The database as it is, for looking only.
    pub async fn database(&self) -> Database {
        Database::connect_read_only(&self.database_url).await.expect("the stack's database can be read")
    }

    /// A caller of another workspace.
    pub async fn stranger(&self, name: &str) -> Client {
        let database = Database::connect(&self.database_url).await.expect("the stack's database can be written");
        let tenant = tenant(&database, name).await;
        Client::new(self.client.base_url.clone(), &tenant.key)
    }

    /// Where recordings are stored.
    pub fn media_dir(&self) -> PathBuf {
        media_dir(self.folder.path())
    }

    /// What every test that ends its jobs can ask: no message waits to be published, no work waits to be done, and no
    /// working file is left.
    pub async fn assert_nothing_is_left(&self) {
        let database = self.database().await;
        let mut nats = NatsWire::connect(&self.nats.url()).await;
        eventually("the outbox is empty", async || (outbox::count(&database).await.unwrap() == 0).then_some(())).await;
        eventually("no work is left", async || (nats.stored("WORK").await == 0).then_some(())).await;
        eventually("the services' temporary files are gone", async || {
            files_below(&temporary_dir(self.folder.path())).is_empty().then_some(())
        })
        .await;
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if thread::panicking() {
            let gateways = [&self.gateway, &self.second_gateway];
            for service in gateways.into_iter().chain([&self.export, &self.transcriber, &self.second_transcriber]) {
                service.print_log();
            }
            eprintln!("{}", heading("end of the logs"));
        }
    }
}

/// All files in a folder and its folders.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

fn media_dir(folder: &Path) -> PathBuf {
    folder.join("media")
}

fn temporary_dir(folder: &Path) -> PathBuf {
    folder.join("tmp")
}

/// The addresses and settings of one stack.
struct Plan<'a> {
    folder: &'a Path,
    nats_url: String,
    database_url: String,
    otlp_endpoint: Option<&'a str>,
    http: SocketAddr,
    reports: SocketAddr,
    second_reports: SocketAddr,
    second_http: SocketAddr,
    gateways: Gateways,
    renders: SocketAddr,
    internal: [SocketAddr; 5],
    of_gateways: &'a [(&'static str, &'static str)],
    of_transcribers: &'a [(&'static str, &'static str)],
}

impl<'a> Plan<'a> {
    fn new(folder: &'a Path, nats: &Nats, setup: &'a Setup) -> Self {
        for needed in [media_dir(folder), temporary_dir(folder)] {
            fs::create_dir(needed).expect("a folder can be made in a folder of our own");
        }
        let sqlite = || format!("sqlite://{}?mode=rwc", folder.join("escriba.db").display());
        let [http, reports, renders, second_http, second_reports, internal @ ..] = ports::choose::<10>();
        Self {
            folder,
            nats_url: nats.url(),
            database_url: setup.database.as_ref().map_or_else(sqlite, |database| database.url.clone()),
            otlp_endpoint: setup.otlp_endpoint.as_deref(),
            http,
            reports,
            second_reports,
            second_http,
            gateways: setup.gateways,
            renders,
            internal,
            of_gateways: &setup.gateway,
            of_transcribers: &setup.transcriber,
        }
    }

    fn key_file(&self) -> PathBuf {
        self.folder.join("api-key")
    }

    fn gateway(&self) -> Service {
        let mut settings = self.gateway_settings(self.http, self.reports, self.internal[0]);
        settings.push(("BOOTSTRAP_KEY_FILE", self.key_file().into()));
        self.service("escriba-gateway", self.internal[0], settings)
    }

    fn second_gateway(&self) -> Service {
        let settings = self.gateway_settings(self.second_http, self.second_reports, self.internal[4]);
        self.service("escriba-gateway", self.internal[4], settings)
    }

    fn gateway_settings(
        &self,
        http: SocketAddr,
        reports: SocketAddr,
        internal: SocketAddr,
    ) -> Vec<(&'static str, OsString)> {
        let mut settings: Vec<(&'static str, OsString)> = vec![
            ("DATABASE_URL", self.database_url.clone().into()),
            ("NATS_URL", self.nats_url.clone().into()),
            ("STORAGE_URL", self.storage_url()),
            ("EXPORT_URL", format!("http://{}", self.renders).into()),
            ("GATEWAY_HTTP_ADDR", http.to_string().into()),
            ("GATEWAY_GRPC_ADDR", reports.to_string().into()),
            ("GATEWAY_INTERNAL_ADDR", internal.to_string().into()),
        ];
        settings.extend(self.of_gateways.iter().map(|(name, value)| (*name, OsString::from(value))));
        settings
    }

    fn export(&self) -> Service {
        self.service(
            "escriba-export",
            self.internal[1],
            vec![
                ("DATABASE_URL", self.database_url.clone().into()),
                ("EXPORT_GRPC_ADDR", self.renders.to_string().into()),
                ("EXPORT_INTERNAL_ADDR", self.internal[1].to_string().into()),
            ],
        )
    }

    fn transcriber(&self, nth: usize) -> Service {
        let mut settings = self.transcriber_settings(nth);
        settings.extend(self.of_transcribers.iter().map(|(name, value)| (*name, OsString::from(value))));
        self.service("escriba-transcriber", self.internal[nth], settings)
    }

    fn transcriber_settings(&self, nth: usize) -> Vec<(&'static str, OsString)> {
        vec![
            ("NATS_URL", self.nats_url.clone().into()),
            ("STORAGE_URL", self.storage_url()),
            ("REPORTS_URL", self.reports_url().into()),
            ("MODELS_DIR", programs::models_dir().into()),
            ("TRANSCRIBER_INTERNAL_ADDR", self.internal[nth].to_string().into()),
        ]
    }

    fn reports_url(&self) -> String {
        match self.gateways {
            Gateways::One => format!("http://{}", self.reports),
            Gateways::Two => format!("http://{},http://{}", self.reports, self.second_reports),
        }
    }

    fn storage_url(&self) -> OsString {
        format!("file://{}", media_dir(self.folder).display()).into()
    }

    fn service(
        &self,
        name: &'static str,
        internal: SocketAddr,
        mut settings: Vec<(&'static str, OsString)>,
    ) -> Service {
        settings.push(("TMPDIR", temporary_dir(self.folder).into()));
        if let Some(endpoint) = self.otlp_endpoint {
            settings.push(("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.into()));
            // The exporter's own default keeps spans back for five seconds.
            settings.push(("OTEL_BSP_SCHEDULE_DELAY", "100".into()));
        }
        Service::new(name, settings, self.folder.join(name).with_extension("log"), internal)
    }
}
