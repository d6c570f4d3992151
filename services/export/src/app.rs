//! The use cases of this service. No gRPC and no wiring in here.

pub(crate) mod render_transcript;
