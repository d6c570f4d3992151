//! What is measured, one question a file. Each makes a stand of its own and leaves nothing behind.

pub(crate) mod intake;
pub(crate) mod listing;
pub(crate) mod long_recording;
pub(crate) mod queue;
pub(crate) mod reaction;
pub(crate) mod search;
pub(crate) mod workers;
