//! Compiles the contract with a pure-Rust protobuf compiler, so that no system `protoc` is needed.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

const FILES: [&str; 7] = [
    "escriba/v1/transcript.proto",
    "escriba/v1/work.proto",
    "escriba/v1/events.proto",
    "escriba/v1/reports.proto",
    "escriba/v1/exports.proto",
    "escriba/v1/speech.proto",
    "escriba/v1/workers.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=escriba");
    let descriptors = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
