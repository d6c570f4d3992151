//! Work items: each rings for one chunk.

use escriba_events::WorkItem;
use escriba_messaging::{Settlement, WorkHandler};
use tracing::Instrument;

use crate::app::transcribe_chunk::Transcriber;

impl WorkHandler for Transcriber {
    async fn handle(&self, item: WorkItem) -> Settlement {
        self.transcribe_chunk(&item).instrument(tracing::info_span!("chunk.transcribe")).await
    }
}
