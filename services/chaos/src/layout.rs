//! Who listens where and with which settings: the programs of a stack before any of them runs. Everybody reaches NATS,
//! and transcribers their gateways, by wires that can be broken.

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use escriba_e2e::ports;

use crate::{
    clock::WrongClock,
    process::{Plan, Process, Shared},
    proxy::Proxy,
    recordings::POISON_PERCENT,
    volume::Volume,
};

/// Milliseconds of recording in a millisecond: a long recording takes some ten seconds.
const SPEED: u32 = 24;
/// The length that long recordings are cut into, in seconds.
const CHUNK_SECONDS: u32 = 60;
/// How many gateways a transcriber knows at the most.
const GATEWAYS_KNOWN: usize = 2;
const ADDRESSES: usize = 40;

type Settings = Vec<(&'static str, OsString)>;

/// A stack in the making.
pub(crate) struct Layout<'a> {
    folder: &'a Path,
    database_url: &'a str,
    storage_url: String,
    temporary: &'a Path,
    free: Vec<SocketAddr>,
    render: SocketAddr,
    /// Where gateways take reports.
    reports: Vec<SocketAddr>,
    pub(crate) nats: SocketAddr,
    /// The transcriber under a path of the stack's own, by which its decoders are known too: they have no settings.
    pub(crate) transcriber: PathBuf,
    pub(crate) gateways: Vec<Shared>,
    pub(crate) export: Option<Shared>,
    pub(crate) transcribers: Vec<Shared>,
    pub(crate) report_wires: Vec<Proxy>,
    pub(crate) nats_wires: Vec<Proxy>,
    /// Where health is told.
    pub(crate) internal: Vec<SocketAddr>,
    /// Where gateways take requests.
    pub(crate) urls: Vec<String>,
    clock: Option<WrongClock>,
}

impl<'a> Layout<'a> {
    pub(crate) fn new(
        folder: &'a Path,
        database_url: &'a str,
        storage: &Volume,
        temporary: &'a Volume,
        clock: Option<WrongClock>,
    ) -> anyhow::Result<Self> {
        let mut free = ports::choose::<ADDRESSES>().to_vec();
        let mut address = || free.pop().context("addresses are at hand");
        let (render, nats) = (address()?, address()?);
        let transcriber = folder.join("transcriber");
        let built = program("escriba-transcriber-simulated")?;
        fs::hard_link(&built, &transcriber).or_else(|_| fs::copy(&built, &transcriber).map(|_| ()))?;
        Ok(Self {
            folder,
            database_url,
            storage_url: format!("file://{}", storage.path().display()),
            temporary: temporary.path(),
            free,
            render,
            reports: Vec::new(),
            nats,
            transcriber,
            gateways: Vec::new(),
            export: None,
            transcribers: Vec::new(),
            report_wires: Vec::new(),
            nats_wires: Vec::new(),
            internal: Vec::new(),
            urls: Vec::new(),
            clock,
        })
    }

    pub(crate) async fn add_gateway(&mut self, number: usize) -> anyhow::Result<()> {
        let (http, grpc, internal) = (self.address()?, self.address()?, self.address()?);
        let settings = vec![
            ("DATABASE_URL", self.database_url.into()),
            ("NATS_URL", self.wire_to_nats().await?),
            ("STORAGE_URL", self.storage_url.clone().into()),
            ("EXPORT_URL", format!("http://{}", self.render).into()),
            // Its callers ask far more often than people do.
            ("REQUESTS_PER_MINUTE", "0".into()),
            ("GATEWAY_HTTP_ADDR", http.to_string().into()),
            ("GATEWAY_GRPC_ADDR", grpc.to_string().into()),
            ("GATEWAY_INTERNAL_ADDR", internal.to_string().into()),
        ];
        self.gateways.push(Process::new(self.plan(
            format!("gateway-{number}"),
            program("escriba-gateway")?,
            settings,
        )?));
        self.internal.push(internal);
        self.reports.push(grpc);
        self.urls.push(format!("http://{http}"));
        Ok(())
    }

    pub(crate) fn add_export(&mut self) -> anyhow::Result<()> {
        let internal = self.address()?;
        let settings = vec![
            ("DATABASE_URL", self.database_url.into()),
            ("EXPORT_GRPC_ADDR", self.render.to_string().into()),
            ("EXPORT_INTERNAL_ADDR", internal.to_string().into()),
        ];
        self.export = Some(Process::new(self.plan("export".to_owned(), program("escriba-export")?, settings)?));
        self.internal.push(internal);
        Ok(())
    }

    pub(crate) async fn add_transcriber(&mut self, number: usize) -> anyhow::Result<()> {
        let internal = self.address()?;
        let settings = vec![
            ("NATS_URL", self.wire_to_nats().await?),
            ("STORAGE_URL", self.storage_url.clone().into()),
            ("REPORTS_URL", self.wires_to_gateways(number).await?),
            ("MODELS_DIR", self.folder.into()),
            ("TRANSCRIBER_INTERNAL_ADDR", internal.to_string().into()),
            // A slot each: what a poisonous recording kills is the worker, and it should take nobody with it.
            ("WHISPER_SLOTS", "1".into()),
            ("SIMULATED_SPEED", SPEED.to_string().into()),
            ("SIMULATED_POISON", POISON_PERCENT.to_string().into()),
            ("CHUNK_SECONDS", CHUNK_SECONDS.to_string().into()),
            ("TMPDIR", self.temporary.into()),
        ];
        self.transcribers.push(Process::new(self.plan(
            format!("transcriber-{number}"),
            self.transcriber.clone(),
            settings,
        )?));
        self.internal.push(internal);
        Ok(())
    }

    async fn wire_to_nats(&mut self) -> anyhow::Result<OsString> {
        let at = self.address()?;
        self.nats_wires.push(Proxy::start(at, self.nats).await?);
        Ok(format!("nats://{at}").into())
    }

    /// For `REPORTS_URL`. Transcribers do not all begin with the same gateway.
    async fn wires_to_gateways(&mut self, number: usize) -> anyhow::Result<OsString> {
        let mut urls = Vec::new();
        for nth in 0..GATEWAYS_KNOWN.min(self.reports.len()) {
            let (at, to) = (self.address()?, self.reports[(number + nth) % self.reports.len()]);
            self.report_wires.push(Proxy::start(at, to).await?);
            urls.push(format!("http://{at}"));
        }
        Ok(urls.join(",").into())
    }

    fn address(&mut self) -> anyhow::Result<SocketAddr> {
        self.free.pop().context("addresses are at hand")
    }

    fn plan(&self, name: String, program: PathBuf, mut settings: Settings) -> anyhow::Result<Plan> {
        // Somebody who looks for a cause may want to read more.
        settings.extend(env::var_os("RUST_LOG").map(|levels| ("RUST_LOG", levels)));
        settings.extend(self.clock.iter().flat_map(|clock| clock.settings_of(&name)));
        let log = self.folder.join(&name).with_extension("log");
        File::create(&log)?;
        Ok(Plan { name, program, arguments: Vec::new(), settings, log, user: None })
    }
}

/// A program of the same build as this one.
pub(crate) fn program(name: &str) -> anyhow::Result<PathBuf> {
    let program = env::current_exe()?.with_file_name(name);
    ensure!(program.is_file(), "there is no {}; `make chaos` builds it", program.display());
    Ok(program)
}
