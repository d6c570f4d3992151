//! The transcriber against real media, a real model and real child processes.

mod fixtures;
mod media;
mod speech;
