//! What the gateway can do, one use case a file. No HTTP and no gRPC here: edges decode, call one of these, encode.

use escriba_blobs::BlobStore;
use escriba_database::Database;
use escriba_domain::ModelName;
use escriba_messaging::{Messaging, Workers};

use crate::clients::exports::Exports;
use look_at_queue::Depths;

pub mod apply_retention;
pub mod authenticate_caller;
mod bells;
pub mod bootstrap_workspace;
pub mod cancel_job;
pub mod claim_chunk;
pub mod commit_segments;
pub mod complete_chunk;
pub mod delete_job;
pub mod edit_transcript;
mod end_job;
pub mod fail_chunk;
pub mod follow_job;
pub mod hold;
pub mod housekeeping;
pub mod look_at_queue;
pub mod open_media;
pub mod pace;
pub mod plan_part;
pub mod read_waveform;
pub mod receive_media;
pub mod release_chunk;
pub mod renew_lease;
pub mod requeue_silent;
pub mod retry_job;
pub mod revert_transcript;
pub mod submit_job;
pub mod sweep_orphans;
mod tell_progress;
pub mod upkeep;

/// What the use cases work with.
#[derive(Debug)]
pub struct App {
    pub db: Database,
    pub messaging: Messaging,
    pub blobs: BlobStore,
    pub(crate) exports: Exports,
    pub(crate) workers: Workers,
    pub(crate) depths: Depths,
    /// The models that may be asked for; the first is the default.
    pub models: Vec<ModelName>,
    pub max_upload_bytes: u64,
}
