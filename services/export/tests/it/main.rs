//! The built binary as a process, against a real database: what another service sees of it.

mod process;
mod render;
mod settings;
mod tracing;
