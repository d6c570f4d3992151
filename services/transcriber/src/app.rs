//! What the transcriber does with a work item.

mod fetch_media;
pub(crate) mod speeds;
pub(crate) mod transcribe_chunk;
mod verdict;
mod work;
