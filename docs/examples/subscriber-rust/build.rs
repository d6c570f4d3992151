//! Compiles the contract. A program of your own keeps a copy of the two files it needs: `events.proto`, and
//! `transcript.proto` which that one imports.

use std::error::Error;

const PROTO: &str = "../../../proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={PROTO}/escriba");
    let descriptors = protox::compile(["escriba/v1/events.proto"], [PROTO])?;
    prost_build::Config::new().compile_fds(descriptors)?;
    Ok(())
}
