//! The composition root: everything the transcriber consists of is made and started here, and nowhere else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use escriba_blobs::BlobStore;
use escriba_domain::ModelName;
use escriba_events::v1::WorkerStatus;
use escriba_messaging::{Messaging, WorkRunner};
use escriba_runtime::health::{self, Health};
use tokio_util::sync::CancellationToken;

use crate::{
    app::transcribe_chunk::Transcriber,
    clients::reports::Reports,
    config::Config,
    media::{DecodeCommand, DecoderPool},
    speech::{Models, ModelsSettings},
};

/// Runs until shutdown, and then until the chunks in hand are handed back.
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    let models = models(&config);
    run_with(models, config, shutdown).await
}

/// As [`run`], with these models.
pub async fn run_with(models: Models, config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    let messaging = Messaging::connect(&config.nats_url, "escriba-transcriber").await?;
    let blobs = BlobStore::open(&config.storage_url)?;
    let reports = Reports::connect_lazily(&config.reports_urls)?;

    let loaded = Arc::new(AtomicBool::new(false));
    let health = health(&messaging, &loaded);
    let internal = tokio::spawn(health::serve(config.internal_addr, health, shutdown.clone()));

    // The usual model is loaded now: a broken file shows at the start, and the first recording does not wait.
    models.borrow(&config.model).await?;
    loaded.store(true, Ordering::Release);
    let transcriber = Transcriber {
        reports,
        blobs,
        models: models.clone(),
        decoders: Arc::new(DecoderPool::start(DecodeCommand::default())?),
        max_audio_ms: config.max_audio_hours.saturating_mul(3_600_000),
        chunk_ms: config.chunk_seconds * 1000,
        worker_id: worker_id(),
        speeds: Arc::default(),
        shutdown: shutdown.clone(),
    };
    let (slots, served) = (config.slots(), config.models());
    let names: Vec<_> = served.iter().map(ModelName::as_str).collect();
    tracing::info!(
        models = names.join(", "),
        slots,
        processors = config.processors(),
        worker = transcriber.worker_id,
        "taking work"
    );
    let status = announced(&transcriber, &served, slots);
    let runner = WorkRunner::new(messaging.clone(), served, slots);
    let busy = runner.busy();
    let announcing = tokio::spawn({
        let (messaging, shutdown, seen) = (messaging.clone(), shutdown.clone(), busy.clone());
        let status = move || status(*seen.borrow());
        async move { messaging.announce_worker(status, busy, shutdown).await }
    });
    let working = tokio::spawn(runner.run(transcriber, shutdown.clone()));
    let expiring = tokio::spawn(async move { models.expire().await });
    // The internal port ends with the shutdown; if it ends with an error, the work ends too.
    let internal = internal.await.context("the internal port died").and_then(|ended| ended);
    shutdown.cancel();
    working.await.context("the work runner died")?;
    expiring.abort();
    announcing.await.context("the worker's announcement died")?;
    internal
}

/// What this worker says of itself while so many of its slots are busy.
fn announced(
    transcriber: &Transcriber,
    served: &[ModelName],
    slots: usize,
) -> impl Fn(usize) -> WorkerStatus + Send + use<> {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let speeds = transcriber.speeds.clone();
    let base = WorkerStatus {
        worker_id: transcriber.worker_id.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        models: served.iter().map(ToString::to_string).collect(),
        slots: count(slots),
        started_at_ms: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis),
        ..WorkerStatus::default()
    };
    move |busy| WorkerStatus { busy: count(busy), speeds: speeds.measured(), ..base.clone() }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn models(config: &Config) -> Models {
    Models::new(ModelsSettings {
        dir: config.models_dir.clone(),
        device: config.device,
        weights: config.weights,
        slots: config.slots(),
        processors: config.processors(),
        keep_alive: config.keep_alive.0,
        memory_bytes: config.model_memory(),
    })
}

fn health(messaging: &Messaging, loaded: &Arc<AtomicBool>) -> Health {
    let (messaging, loaded) = (messaging.clone(), loaded.clone());
    Health::new()
        .with("nats", move || {
            let messaging = messaging.clone();
            async move { messaging.ping().map_err(|error| error.to_string()) }
        })
        .with("model", move || {
            let loaded = loaded.load(Ordering::Acquire);
            async move { if loaded { Ok(()) } else { Err("the model is being loaded".to_owned()) } }
        })
}

/// Tells replicas apart in leases and logs.
fn worker_id() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{host}-{}", std::process::id())
}
