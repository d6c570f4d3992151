//! The wire contract: every message that crosses a process, and the gRPC services, generated from
//! `escriba/v1/*.proto`. Says nothing about what the messages mean to a service; that is `events` and `domain`.

/// Version 1 of the contract.
#[allow(
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::pedantic,
    unreachable_pub,
    reason = "generated code"
)]
pub mod v1 {
    tonic::include_proto!("escriba.v1");
}

/// The encoded `FileDescriptorSet`, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
