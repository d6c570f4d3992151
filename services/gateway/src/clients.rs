//! Services the gateway calls.

pub(crate) mod exports;
pub(crate) mod remote;
