//! `escriba up`: brings the local stack up, keeps it up until Ctrl-C, and transcribes files with it when asked. How
//! services are started and watched is in [`crate::stack`].

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc, time::Instant};

use anyhow::{Context, bail};
use clap::Args;
use escriba_domain::ModelName;

use super::{
    INTERRUPTED,
    server::DataDirArgs,
    transcribe::{self, Wishes},
};
use crate::{
    api::{self, Client},
    data_dir::{DataDir, StackRecord},
    interrupts::Interrupts,
    models::{self, PullOptions},
    screen::Screen,
    stack::{
        Stack,
        log::{Shown, StackLog},
        nats_server,
        ports::{self, Addresses},
        programs::Programs,
        services::{Services, Whisper},
    },
    transcription::Order,
};

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    data: DataDirArgs,
    /// Where the API listens [default: 127.0.0.1:8080, or a free port if that is taken].
    #[arg(long, env = "GATEWAY_HTTP_ADDR", value_name = "ADDRESS")]
    http_addr: Option<SocketAddr>,
    /// The model that jobs use unless they name another; it is fetched first if it is not here.
    #[arg(long, env = "WHISPER_MODEL", value_name = "NAME", default_value = "base")]
    model: ModelName,
    /// Where models are kept [default: `models` in the data folder].
    #[arg(long, env = "MODELS_DIR", value_name = "FOLDER")]
    models_dir: Option<PathBuf>,
    /// What computes: `cpu`, or a graphics card as the transcriber knows it.
    #[arg(long, env = "WHISPER_DEVICE", value_name = "DEVICE")]
    device: Option<String>,
    /// Threads to compute with in all [default: one a processor].
    #[arg(long, env = "WHISPER_THREADS", value_name = "NUMBER")]
    threads: Option<u16>,
    /// Recordings in work at once [default: one a processor, four at most].
    #[arg(long, env = "WHISPER_SLOTS", value_name = "NUMBER")]
    slots: Option<u16>,
    /// The nats-server to run [default: the one beside `escriba`, or on the PATH].
    #[arg(long, env = "NATS_SERVER", value_name = "PROGRAM")]
    nats_server: Option<PathBuf>,
    /// Transcribe these recordings as soon as everything runs.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    transcribe: Vec<PathBuf>,
    /// Stop when the recordings are transcribed.
    #[arg(long, requires = "transcribe")]
    once: bool,
    #[command(flatten)]
    wishes: Wishes,
}

pub(crate) async fn run(args: UpArgs) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let screen = Screen::new();
    let data = args.data.resolve()?;
    data.create()?;
    // Held until this function ends, and by the kernel's doing until the process does.
    let Some(_lock) = data.lock()? else {
        return use_running(&args, &data, &screen).await;
    };
    // One that was killed may have left its record, which would send others to an address of the past.
    data.withdraw();
    let interrupts = Interrupts::listen()?;
    let (nats_server, _) = nats_server::find(args.nats_server.as_deref()).await?;
    let programs = Programs::with_nats_server(nats_server)?;
    let models_dir = args.models_dir.clone().unwrap_or_else(|| data.models());
    let sources = PullOptions::from_env();
    tokio::select! {
        model = models::ensure(&args.model, &models_dir, &sources) => drop(model?),
        () = interrupts.stop.cancelled() => return Ok(INTERRUPTED.into()),
    }

    let (addresses, moves) = ports::choose(args.http_addr)?;
    let shown = if args.transcribe.is_empty() { Shown::Everything } else { Shown::Notices };
    let log = StackLog::open(&data.log(), screen.clone(), shown).context("Cannot open the log file")?;
    let log = Arc::new(log);
    for text in &moves {
        log.notice(text);
    }
    std::fs::write(data.nats_config(), nats_server::configuration(addresses.nats, &data.nats_store()))
        .context("Cannot write the configuration of nats-server")?;
    let whisper = Whisper {
        model: args.model.clone(),
        models_dir,
        device: args.device.clone(),
        threads: args.threads,
        slots: args.slots,
    };
    let services = Services::plan(&programs, &addresses, &data, &whisper)?;

    let mut stack = Stack::new(Arc::clone(&log), api::local_http()?, interrupts.kill.clone());
    let up = Up { args, data, addresses, screen, log, interrupts, started };
    let outcome = up.serve(&mut stack, services).await;
    up.take_down(stack).await;
    outcome
}

/// One run of the stack.
struct Up {
    args: UpArgs,
    data: DataDir,
    addresses: Addresses,
    screen: Screen,
    log: Arc<StackLog>,
    interrupts: Interrupts,
    started: Instant,
}

impl Up {
    async fn serve(&self, stack: &mut Stack, services: Services) -> anyhow::Result<ExitCode> {
        let progress = self.screen.spinner("Starting Escriba");
        let ready = tokio::select! {
            ready = stack.start(services, &progress) => Some(ready),
            () = self.interrupts.stop.cancelled() => None,
        };
        progress.finish_and_clear();
        match ready {
            Some(ready) => ready?,
            None => return Ok(INTERRUPTED.into()),
        }
        self.data.publish(&self.record()).context("Cannot write stack.json")?;
        let seconds = self.started.elapsed().as_secs_f32();
        self.log.notice(&format!("Escriba is ready, after {seconds:.1} s."));

        if !self.args.transcribe.is_empty() {
            let outcome = self.transcribe().await;
            if self.args.once || self.interrupts.stop.is_cancelled() {
                return outcome;
            }
            if let Err(error) = outcome {
                self.screen.line(format_args!("{error:#}"));
            }
            self.log.show_everything();
        }
        self.screen.line(self.welcome());
        self.interrupts.stop.cancelled().await;
        Ok(ExitCode::SUCCESS)
    }

    async fn transcribe(&self) -> anyhow::Result<ExitCode> {
        let client = Client::new(&self.addresses.http_url(), self.data.read_api_key()?)?;
        transcribe::carry_out(&order(&self.args), &client, &self.screen, &self.interrupts).await
    }

    async fn take_down(&self, stack: Stack) {
        self.data.withdraw();
        let began = Instant::now();
        let progress = self.screen.spinner("Stopping Escriba (Ctrl-C again to stop at once)");
        stack.stop().await;
        progress.finish_and_clear();
        self.log.notice(&format!("Escriba has stopped, in {:.1} s.", began.elapsed().as_secs_f32()));
    }

    fn record(&self) -> StackRecord {
        let internal = [
            ("gateway", self.addresses.gateway_internal),
            ("export", self.addresses.export_internal),
            ("transcriber", self.addresses.transcriber_internal),
        ];
        StackRecord {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            http_url: self.addresses.http_url(),
            nats_url: self.addresses.nats_url(),
            model: self.args.model.to_string(),
            internal_urls: internal.map(|(name, address)| (name.to_owned(), format!("http://{address}"))).into(),
        }
    }

    fn welcome(&self) -> String {
        let url = self.addresses.http_url();
        let key = self.data.api_key();
        let key = key.display();
        format!(
            "\nEscriba serves at {url}\n\
             \x20 API and its documentation: {url}/docs\n\
             \x20 Your API key: {key}\n\
             \x20 Try it: curl -H \"Authorization: Bearer $(cat '{key}')\" -F media=@recording.mp3 {url}/v1/jobs\n\
             \x20 Or: escriba transcribe recording.mp3\n\
             \x20 Stop with Ctrl-C.\n"
        )
    }
}

/// Another supervisor has this data folder: its stack does what is asked.
async fn use_running(args: &UpArgs, data: &DataDir, screen: &Screen) -> anyhow::Result<ExitCode> {
    let Some(stack) = data.running_stack() else {
        bail!("Another `escriba up` is just starting or stopping on {}. Try again in a moment.", data.root().display());
    };
    screen.line(format_args!("Escriba already runs at {} (process {}).", stack.http_url, stack.pid));
    if args.transcribe.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let client = Client::new(&stack.http_url, data.read_api_key()?)?;
    transcribe::carry_out(&order(args), &client, screen, &Interrupts::listen()?).await
}

fn order(args: &UpArgs) -> Order {
    args.wishes.clone().order(args.transcribe.clone(), None)
}
