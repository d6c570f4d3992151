//! The models of one transcriber: loaded when they are first needed, together within a budget of memory, and let go
//! when nobody has needed them for a while.

use std::{
    collections::HashMap,
    io,
    ops::Deref,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use escriba_domain::ModelName;
use tokio::sync::{Mutex, Notify};

use super::{
    engine::{Engine, EngineError},
    model::{Device, Model, ModelSettings},
    weights::{self, Weights},
};

/// How models are kept.
#[derive(Debug, Clone)]
pub struct ModelsSettings {
    pub dir: PathBuf,
    pub device: Device,
    pub weights: Weights,
    /// Windows recognised at a time by each model.
    pub slots: usize,
    /// What a model's slots compute with together.
    pub processors: usize,
    /// A model that nobody has used for so long is let go. `None`: never.
    pub keep_alive: Option<Duration>,
    /// Bytes that all loaded models may take together, as far as that can be told beforehand.
    pub memory_bytes: u64,
}

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    #[error("the model `{name}` is not in {}. Fetch it with `escriba models pull {name}`", .dir.display())]
    Missing { name: ModelName, dir: PathBuf, source: io::Error },
    #[error(
        "the model `{name}` needs about {needed} MB, and models may take {budget} MB: raise MODEL_MEMORY_MB, lower \
         WHISPER_SLOTS, or choose a smaller model"
    )]
    TooLarge { name: ModelName, needed: u64, budget: u64 },
    #[error("the model `{name}` cannot be started")]
    Engine { name: ModelName, source: EngineError },
}

/// Loaded models, shared by all work.
#[derive(Debug, Clone)]
pub struct Models(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: ModelsSettings,
    loaded: Mutex<HashMap<ModelName, Loaded>>,
    /// Somebody is done with a model.
    returned: Arc<Notify>,
}

#[derive(Debug)]
struct Loaded {
    engine: Arc<Engine>,
    bytes: u64,
    last_used: Instant,
}

/// A model in use: it stays loaded at least until this is dropped.
#[derive(Debug)]
pub struct Borrowed {
    engine: Arc<Engine>,
    /// Dropped after the engine: who waits for this finds it returned.
    _returned: Returned,
}

#[derive(Debug)]
struct Returned(Arc<Notify>);

impl Drop for Returned {
    fn drop(&mut self) {
        self.0.notify_waiters();
    }
}

impl Deref for Borrowed {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl Models {
    pub fn new(settings: ModelsSettings) -> Self {
        let shared = Shared { settings, loaded: Mutex::default(), returned: Arc::default() };
        Self(Arc::new(shared))
    }

    /// These engines and no others, in place of models: nothing is ever loaded, and none of them is let go.
    #[cfg(feature = "simulated")]
    pub(super) fn of_engines(engines: impl IntoIterator<Item = (ModelName, Engine)>) -> Self {
        let engines = engines
            .into_iter()
            .map(|(name, engine)| (name, Loaded { engine: Arc::new(engine), bytes: 0, last_used: Instant::now() }));
        let settings = ModelsSettings {
            dir: PathBuf::new(),
            device: Device::Cpu,
            weights: Weights::Full,
            slots: 0,
            processors: 0,
            keep_alive: None,
            memory_bytes: 0,
        };
        Self(Arc::new(Shared { settings, loaded: Mutex::new(engines.collect()), returned: Arc::default() }))
    }

    /// The model, loaded if need be. Waits while models in use leave no room for it.
    pub async fn borrow(&self, name: &ModelName) -> Result<Borrowed, ModelsError> {
        loop {
            let returned = self.0.returned.notified();
            let mut loaded = self.0.loaded.lock().await;
            if let Some(found) = loaded.get_mut(name) {
                found.last_used = Instant::now();
                return Ok(self.lend(found.engine.clone()));
            }
            let file = self.locate(name)?;
            if self.make_room(&mut loaded, file.bytes) {
                let engine = Arc::new(self.load(name, file.path).await?);
                let entry = Loaded { engine: engine.clone(), bytes: file.bytes, last_used: Instant::now() };
                loaded.insert(name.clone(), entry);
                metrics::counter!("escriba_model_loads_total", "model" => name.to_string()).increment(1);
                tracing::info!(model = %name, megabytes = file.bytes >> 20, "loaded a model");
                return Ok(self.lend(engine));
            }
            drop(loaded);
            tracing::info!(model = %name, "waiting for another model to be done before this one is loaded");
            returned.await;
        }
    }

    /// Which models are loaded.
    pub async fn loaded(&self) -> Vec<ModelName> {
        let mut names: Vec<_> = self.0.loaded.lock().await.keys().cloned().collect();
        names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        names
    }

    /// Lets go of models that nobody needs any more, for as long as it is polled.
    pub async fn expire(&self) {
        let Some(keep_alive) = self.0.settings.keep_alive else { return std::future::pending().await };
        loop {
            let next = self.let_go_of_idle(keep_alive).await;
            tokio::select! {
                () = tokio::time::sleep(next.unwrap_or(keep_alive).max(Duration::from_millis(100))) => {}
                () = self.0.returned.notified() => {}
            }
        }
    }

    /// How long until the next one is due.
    async fn let_go_of_idle(&self, keep_alive: Duration) -> Option<Duration> {
        let mut loaded = self.0.loaded.lock().await;
        for found in loaded.values_mut().filter(|found| !found.is_idle()) {
            found.last_used = Instant::now();
        }
        loaded.retain(|name, found| {
            let expired = found.is_idle() && found.last_used.elapsed() >= keep_alive;
            if expired {
                tracing::info!(model = %name, "let go of a model that nobody used");
            }
            !expired
        });
        loaded.values().map(|found| keep_alive.saturating_sub(found.last_used.elapsed())).min()
    }

    /// Lets go of idle models, the longest unused first, until `bytes` more fit. False if they do not fit even so.
    fn make_room(&self, loaded: &mut HashMap<ModelName, Loaded>, bytes: u64) -> bool {
        loop {
            let taken: u64 = loaded.values().map(|found| found.bytes).sum();
            if taken + bytes <= self.0.settings.memory_bytes {
                return true;
            }
            let idle = loaded.iter().filter(|(_, found)| found.is_idle());
            let Some(name) = idle.min_by_key(|(_, found)| found.last_used).map(|(name, _)| name.clone()) else {
                return false;
            };
            tracing::info!(model = %name, "let go of a model to make room for another");
            loaded.remove(&name);
        }
    }

    fn locate(&self, name: &ModelName) -> Result<weights::File, ModelsError> {
        let settings = &self.0.settings;
        let missing = |source| ModelsError::Missing { name: name.clone(), dir: settings.dir.clone(), source };
        // The quick form is packed for processors alone.
        let weights = if settings.device == Device::Gpu { Weights::Full } else { settings.weights };
        let file = weights::find(&settings.dir, name, weights, settings.slots).map_err(missing)?;
        if file.bytes > settings.memory_bytes {
            let (needed, budget) = (file.bytes >> 20, settings.memory_bytes >> 20);
            return Err(ModelsError::TooLarge { name: name.clone(), needed, budget });
        }
        Ok(file)
    }

    /// Reading the weights takes seconds and blocks.
    async fn load(&self, name: &ModelName, path: PathBuf) -> Result<Engine, ModelsError> {
        let settings = self.0.settings.clone();
        let failed = |source| ModelsError::Engine { name: name.clone(), source };
        let loading = tokio::task::spawn_blocking(move || {
            let model = Model::load(&path, &ModelSettings { device: settings.device })?;
            Engine::start(&model, settings.slots, settings.processors)
        });
        match loading.await {
            Ok(started) => started.map_err(failed),
            Err(died) => Err(failed(EngineError::Thread(io::Error::other(died)))),
        }
    }

    fn lend(&self, engine: Arc<Engine>) -> Borrowed {
        Borrowed { engine, _returned: Returned(self.0.returned.clone()) }
    }
}

impl Loaded {
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.engine) == 1
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_gpu_computes_with_the_weights_as_published() {
        let (dir, base) = (tempfile::tempdir().unwrap(), "base".parse::<ModelName>().unwrap());
        let [full, quick] = [&base, &base.quick_form().unwrap()].map(|name| dir.path().join(name.file_name()));
        for path in [&full, &quick] {
            fs::write(path, [0; 64]).unwrap();
        }
        let located = |device| {
            let settings = ModelsSettings {
                dir: dir.path().to_owned(),
                device,
                weights: Weights::Quick,
                slots: 1,
                processors: 1,
                keep_alive: None,
                memory_bytes: u64::MAX,
            };
            Models::new(settings).locate(&base).unwrap().path
        };
        assert_eq!((located(Device::Cpu), located(Device::Gpu)), (quick, full));
    }
}
