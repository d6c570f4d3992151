//! Rows as sea-orm sees them. Private: nothing outside this crate names a column.

#![allow(unreachable_pub, reason = "the entity derive asks for `pub` where the crate keeps it to itself")]

pub(crate) mod api_key;
pub(crate) mod chunk;
pub(crate) mod idempotency_key;
pub(crate) mod job;
pub(crate) mod lease;
pub(crate) mod licence;
pub(crate) mod media;
pub(crate) mod outbox;
pub(crate) mod queue;
pub(crate) mod segment;
pub(crate) mod transcript_version;
pub(crate) mod upload;
pub(crate) mod upload_part;
pub(crate) mod workspace;
