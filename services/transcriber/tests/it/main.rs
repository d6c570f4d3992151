//! The transcriber against real media, a real model and real child processes.

mod choices;
mod decoders;
mod fixtures;
mod jailbreak;
mod media;
mod models;
mod renditions;
mod speech;
mod voices;
