//! The model's weights, loaded once and shared: one immutable context, a state a slot, no lock.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use whisper_rs::{WhisperContext, WhisperContextParameters, WhisperError};

use crate::speech::recognizer::Recognizer;

/// Where the model is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Device {
    Cpu,
    Gpu,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSettings {
    pub device: Device,
}

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("the model file {} cannot be read; fetch it with `escriba models pull`", .path.display())]
    Missing { path: PathBuf, source: io::Error },
    #[error("{} is no whole ggml model; fetch it again with `escriba models pull`", .path.display())]
    Unreadable { path: PathBuf, source: WhisperError },
    #[error("this build computes on the CPU only: use a build for your GPU, or choose the CPU")]
    NoGpu,
    #[error("there is not enough memory for another slot")]
    NoRoom(#[source] WhisperError),
}

/// Loaded weights. A clone refers to the same ones.
#[derive(Debug, Clone)]
pub struct Model {
    context: Arc<WhisperContext>,
}

impl Model {
    /// Loads the ggml file at `path`; takes as long as reading it does.
    pub fn load(path: &Path, settings: &ModelSettings) -> Result<Self, ModelError> {
        // whisper.cpp writes to standard error by itself, and asks no log level.
        whisper_rs::install_logging_hooks();
        let mut parameters = WhisperContextParameters::default();
        let use_gpu = settings.device == Device::Gpu;
        // The default says whether the build has a GPU backend; without one whisper.cpp would fall back in silence.
        if use_gpu && !parameters.use_gpu {
            return Err(ModelError::NoGpu);
        }
        // This version's flash attention takes twice as long on a CPU.
        parameters.use_gpu(use_gpu).flash_attn(use_gpu);
        std::fs::File::open(path).map_err(|source| ModelError::Missing { path: path.to_owned(), source })?;
        let context = WhisperContext::new_with_params(path, parameters)
            .map_err(|source| ModelError::Unreadable { path: path.to_owned(), source })?;
        Ok(Self { context: Arc::new(context) })
    }

    /// A slot that recognises one window at a time.
    pub fn recognizer(&self) -> Result<Recognizer, ModelError> {
        let state = self.context.create_state().map_err(ModelError::NoRoom)?;
        Ok(Recognizer::new(self.clone(), state))
    }

    /// False for models that know English only.
    pub fn is_multilingual(&self) -> bool {
        self.context.is_multilingual()
    }

    pub(super) fn context(&self) -> &WhisperContext {
        &self.context
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The base model, from where the test command puts it.
    pub(in crate::speech) fn test_model() -> Model {
        let default = || {
            let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
            let home = || PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".local/share");
            data.unwrap_or_else(home).join("escriba/models/ggml-base.bin")
        };
        let path = std::env::var_os("ESCRIBA_TEST_MODEL").map_or_else(default, PathBuf::from);
        Model::load(&path, &ModelSettings { device: Device::Cpu })
            .unwrap_or_else(|error| panic!("these tests need the base model (`make test` fetches it): {error}"))
    }

    #[test]
    fn the_build_has_the_tiled_matrix_product() {
        let features = whisper_rs::print_system_info();
        assert!(features.contains("LLAMAFILE = 1"), "GGML_LLAMAFILE=ON is missing from this build: {features}");
    }

    #[test]
    fn a_file_that_is_no_model_is_told_from_one_that_is_not_there() {
        let cpu = ModelSettings { device: Device::Cpu };
        let missing = Model::load(Path::new("/nonexistent/ggml-base.bin"), &cpu).unwrap_err();
        assert!(matches!(missing, ModelError::Missing { .. }), "{missing}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ggml-base.bin");
        std::fs::write(&path, b"not a model").unwrap();
        let unreadable = Model::load(&path, &cpu).unwrap_err();
        assert!(matches!(unreadable, ModelError::Unreadable { .. }), "{unreadable}");
    }
}
