//! The composition root: everything the transcriber consists of is made and started here, and nowhere else.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::Context;
use escriba_blobs::BlobStore;
use escriba_messaging::{Messaging, WorkRunner};
use escriba_runtime::health::{self, Health};
use tokio_util::sync::CancellationToken;

use crate::{
    app::{slot::Slot, transcribe_chunk::Transcriber},
    clients::reports::Reports,
    config::Config,
    speech::{Model, ModelSettings},
};

/// Runs until shutdown, and then until the chunks in hand are handed back.
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    let messaging = Messaging::connect(&config.nats_url, "escriba-transcriber").await?;
    let blobs = BlobStore::open(&config.storage_url)?;
    let reports = Reports::connect_lazily(&config.reports_url)?;

    let loaded = Arc::new(AtomicBool::new(false));
    let health = health(&messaging, &loaded);
    let internal = tokio::spawn(health::serve(config.internal_addr, health, shutdown.clone()));

    let slots = load(&config).await?;
    loaded.store(true, Ordering::Release);
    let transcriber = Transcriber {
        reports,
        blobs,
        slots,
        worker_id: worker_id(),
        threads: config.threads_per_slot(),
        shutdown: shutdown.clone(),
    };
    tracing::info!(
        model = %config.model,
        slots = config.slots,
        threads = transcriber.threads,
        worker = transcriber.worker_id,
        "taking work"
    );
    let runner = WorkRunner { messaging: messaging.clone(), model: config.model, slots: usize::from(config.slots) };
    let working = tokio::spawn(runner.run(transcriber, shutdown.clone()));
    // The internal port ends with the shutdown; if it ends with an error, the work ends too.
    let internal = internal.await.context("the internal port died").and_then(|ended| ended);
    shutdown.cancel();
    working.await.context("the work runner died")?;
    internal
}

/// Reading the weights takes seconds and blocks.
async fn load(config: &Config) -> anyhow::Result<Vec<Slot>> {
    let path = config.models_dir.join(config.model.file_name());
    anyhow::ensure!(
        path.is_file(),
        "the model `{0}` is not in {1}. Fetch it with `escriba models pull {0}`",
        config.model,
        config.models_dir.display()
    );
    let settings = ModelSettings { device: config.device };
    let slots = usize::from(config.slots);
    tokio::task::spawn_blocking(move || {
        let model = Model::load(&path, &settings).with_context(|| format!("{} cannot be loaded", path.display()))?;
        (0..slots).map(|number| Slot::start(&model, number).context("a slot cannot be made")).collect()
    })
    .await
    .context("loading the model died")?
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
