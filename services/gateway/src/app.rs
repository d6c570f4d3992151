//! What the gateway can do, one use case a file. No HTTP and no gRPC here: edges decode, call one of these, encode.

use escriba_blobs::BlobStore;
use escriba_database::Database;
use escriba_domain::ModelName;
use escriba_messaging::{Messaging, Workers};

use crate::clients::{exports::Exports, remote::Remote};
use key_use::KeyUse;
use look_at_queue::Depths;
use rate_limits::RateLimits;

pub mod answer_once;
pub mod apply_retention;
pub mod authenticate_caller;
pub mod await_job;
mod bells;
pub mod bootstrap_workspace;
pub mod cancel_job;
pub mod change_many;
pub mod claim_chunk;
pub mod commit_segments;
pub mod complete_chunk;
pub mod create_api_key;
pub mod delete_job;
pub mod describe_capabilities;
pub mod edit_transcript;
mod end_job;
pub mod export_many;
pub mod fail_chunk;
pub mod follow_job;
pub mod follow_transcript;
pub mod follow_workspace;
pub mod hold;
pub mod housekeeping;
pub mod import_media;
pub mod index_text;
pub mod join_job;
pub mod key_use;
pub mod list_jobs;
pub mod look_at_queue;
pub mod open_media;
pub mod pace;
mod place_redo;
pub mod plan_part;
pub mod queue_moves;
pub mod rate_limits;
pub mod read_waveform;
pub mod receive_media;
pub mod redo_span;
pub mod relabel_job;
pub mod release_chunk;
pub mod rename_api_key;
pub mod renew_lease;
mod renewing;
pub mod requeue_silent;
pub mod retry_job;
pub mod revert_transcript;
pub mod revoke_api_key;
pub mod room;
pub mod select_jobs;
pub mod submit_job;
pub mod sweep_orphans;
mod tell_progress;
pub mod upkeep;
pub mod uploads;
mod watch_job;

/// What the use cases work with.
#[derive(Debug)]
pub struct App {
    pub db: Database,
    pub messaging: Messaging,
    pub blobs: BlobStore,
    pub(crate) exports: Exports,
    pub(crate) remote: Remote,
    pub(crate) workers: Workers,
    pub(crate) depths: Depths,
    pub(crate) key_use: KeyUse,
    pub(crate) rate_limits: RateLimits,
    /// The models that may be asked for; the first is the default.
    pub models: Vec<ModelName>,
    pub max_upload_bytes: u64,
}
