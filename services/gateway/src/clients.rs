//! Services the gateway calls.

pub(crate) mod exports;
