//! The model's weights, loaded once and shared: one immutable context, a state a slot, no lock.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use whisper_rs::{DtwMode, DtwModelPreset, DtwParameters, WhisperContext, WhisperContextParameters, WhisperError};

use crate::speech::recognizer::Recognizer;

/// Layers of the decoder, from the last, whose attention is followed in models that are not known.
const OTHER_LAYERS: i32 = 3;

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
        // This version's flash attention takes twice as long on a CPU, and anywhere keeps words from being aligned.
        parameters.use_gpu(use_gpu).flash_attn(false);
        // Words are aligned by what the decoder pays attention to, by the heads known to follow the sound.
        parameters.dtw_parameters(DtwParameters { mode: alignment_heads(path), ..DtwParameters::default() });
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

/// The attention heads that OpenAI found to follow the sound, a published model each. Of others, those of the last
/// layers do so more or less.
fn alignment_heads(path: &Path) -> DtwMode<'static> {
    let name = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.strip_prefix("ggml-"));
    let Some(size) = name.map(|name| name.split("-q").next().unwrap_or(name)) else {
        return DtwMode::TopMost { n_top: OTHER_LAYERS };
    };
    let model_preset = match size {
        "tiny" => DtwModelPreset::Tiny,
        "tiny.en" => DtwModelPreset::TinyEn,
        "base" => DtwModelPreset::Base,
        "base.en" => DtwModelPreset::BaseEn,
        "small" => DtwModelPreset::Small,
        "small.en" => DtwModelPreset::SmallEn,
        "medium" => DtwModelPreset::Medium,
        "medium.en" => DtwModelPreset::MediumEn,
        "large-v1" => DtwModelPreset::LargeV1,
        "large-v2" => DtwModelPreset::LargeV2,
        "large-v3" => DtwModelPreset::LargeV3,
        "large-v3-turbo" => DtwModelPreset::LargeV3Turbo,
        _ => return DtwMode::TopMost { n_top: OTHER_LAYERS },
    };
    DtwMode::ModelPreset { model_preset }
}

#[cfg(test)]
mod tests {
    use super::*;

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
