//! Inbound messages.

pub(crate) mod work;
