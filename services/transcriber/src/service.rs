//! The composition root: everything the transcriber consists of is made and started here, and nowhere else.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::Context;
use escriba_blobs::BlobStore;
use escriba_domain::ModelName;
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
    let messaging = Messaging::connect(&config.nats_url, "escriba-transcriber").await?;
    let blobs = BlobStore::open(&config.storage_url)?;
    let reports = Reports::connect_lazily(&config.reports_url)?;

    let loaded = Arc::new(AtomicBool::new(false));
    let health = health(&messaging, &loaded);
    let internal = tokio::spawn(health::serve(config.internal_addr, health, shutdown.clone()));

    let models = models(&config);
    // The usual model is loaded now: a broken file shows at the start, and the first recording does not wait.
    models.borrow(&config.model).await?;
    loaded.store(true, Ordering::Release);
    let transcriber = Transcriber {
        reports,
        blobs,
        models: models.clone(),
        decoders: Arc::new(DecoderPool::start(DecodeCommand::default())?),
        max_audio_ms: config.max_audio_hours.saturating_mul(3_600_000),
        worker_id: worker_id(),
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
    let runner = WorkRunner { messaging: messaging.clone(), models: served, slots };
    let working = tokio::spawn(runner.run(transcriber, shutdown.clone()));
    let expiring = tokio::spawn(async move { models.expire().await });
    // The internal port ends with the shutdown; if it ends with an error, the work ends too.
    let internal = internal.await.context("the internal port died").and_then(|ended| ended);
    shutdown.cancel();
    working.await.context("the work runner died")?;
    expiring.abort();
    internal
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
