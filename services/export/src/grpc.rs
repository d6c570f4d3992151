//! What comes in over gRPC.

pub(crate) mod exports;
