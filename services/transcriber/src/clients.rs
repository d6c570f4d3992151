//! Services the transcriber calls.

pub(crate) mod reports;
