//! Work items: each rings for one chunk.

use escriba_events::WorkItem;
use escriba_messaging::{Settlement, WorkHandler};
use tracing::Instrument;

use crate::app::transcribe_chunk::Transcriber;

impl WorkHandler for Transcriber {
    async fn handle(&self, item: WorkItem, slot: usize) -> Settlement {
        self.transcribe_chunk(&item, slot).instrument(tracing::info_span!("chunk.transcribe")).await
    }
}
