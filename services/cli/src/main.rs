//! The `escriba` command: it reads the arguments, runs one command and turns the outcome into an exit code.
//! It must stay single-threaded: Linux sends a child its parent-death signal when the *thread* that started it
//! ends, and only the main thread lives as long as the process. Long computations belong on blocking threads.

mod api;
mod commands;
mod data_dir;
mod interrupts;
mod models;
mod screen;
mod stack;
mod transcription;

use std::{io, process::ExitCode};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match commands::run(commands::Cli::of_this_process()).await {
        Ok(code) => code,
        Err(error) if reader_went_away(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("escriba: {}", sentence(&error));
            ExitCode::FAILURE
        }
    }
}

/// The error and its causes, without those that it has named itself.
fn sentence(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if told.is_empty() {
            told = cause;
        } else if !told.contains(&cause) {
            told = format!("{told}: {cause}");
        }
    }
    told
}

/// `escriba jobs list | head` closes our output early; that is no failure.
fn reader_went_away(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
