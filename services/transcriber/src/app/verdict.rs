//! What the end of an attempt means for its chunk: a fault of the recording, or of this worker.

use escriba_domain::{FailureCode, Warning, WarningCode};
use escriba_events::warning_to_proto;
use escriba_proto::v1::{self, ChunkDone, ChunkFailed};

use super::fetch_media::FetchError;
use crate::{
    media::DecodeError,
    speech::{ModelsError, Outcome, PipelineError},
};

/// How an attempt ended.
pub(crate) enum Verdict {
    Done(ChunkDone),
    Failed(ChunkFailed),
    /// Something this worker needs is away: hand the chunk back, after a pause.
    Trouble,
    /// Somebody asked for it.
    Canceled,
}

pub(crate) fn of_run(ended: Result<Outcome, PipelineError>, processing_ms: u64) -> Verdict {
    let failed = |code: FailureCode, retryable| Verdict::Failed(chunk_failed(code, retryable, processing_ms));
    let error = match ended {
        Ok(outcome) => return Verdict::Done(chunk_done(outcome, processing_ms)),
        Err(error) => error,
    };
    match error {
        PipelineError::Canceled | PipelineError::Decode(DecodeError::Canceled) => Verdict::Canceled,
        PipelineError::Decode(DecodeError::Media(code)) => failed(code, false),
        PipelineError::Decode(
            error @ (DecodeError::Crashed { .. } | DecodeError::Stalled { .. } | DecodeError::Garbled(_)),
        ) => {
            tracing::error!(%error, "the decoder failed");
            failed(FailureCode::DecoderCrashed, false)
        }
        error => {
            tracing::error!(%error, "an attempt failed");
            failed(FailureCode::Internal, true)
        }
    }
}

pub(crate) fn of_fetch(error: &FetchError, processing_ms: u64) -> Verdict {
    match error {
        FetchError::Storage(escriba_blobs::BlobError::NotFound(_)) => {
            Verdict::Failed(chunk_failed(FailureCode::MediaMissing, false, processing_ms))
        }
        FetchError::GivenUp => Verdict::Canceled,
        FetchError::NoSource | FetchError::Key(_) | FetchError::Id(_) | FetchError::Garbled(_) => {
            tracing::error!(%error, "a recording could not be fetched");
            Verdict::Failed(chunk_failed(FailureCode::Internal, false, processing_ms))
        }
        FetchError::Storage(_) | FetchError::Local(_) => {
            tracing::warn!(%error, "a recording could not be fetched; its chunk is handed back");
            Verdict::Trouble
        }
    }
}

/// A model that cannot be loaded here may be elsewhere.
pub(crate) fn of_model(error: &ModelsError, processing_ms: u64) -> Verdict {
    tracing::error!(%error, "a model cannot be used");
    Verdict::Failed(chunk_failed(FailureCode::ModelUnavailable, true, processing_ms))
}

fn chunk_done(outcome: Outcome, processing_ms: u64) -> ChunkDone {
    ChunkDone {
        audio_ms: outcome.audio_ms,
        processing_ms,
        language: outcome.language.map(|language| language.code().to_owned()).unwrap_or_default(),
        warnings: outcome.warnings.into_iter().map(warning).collect(),
    }
}

fn warning(code: WarningCode) -> v1::Warning {
    warning_to_proto(&Warning { code: code.to_string(), message: code.sentence().to_owned() })
}

fn chunk_failed(code: FailureCode, retryable: bool, processing_ms: u64) -> ChunkFailed {
    ChunkFailed { code: code.to_string(), message: code.sentence().to_owned(), retryable, processing_ms }
}
