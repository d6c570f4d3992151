//! What the command line can do, one module a command. A command reads its arguments, calls the modules that do
//! the work and decides the exit code; it talks to servers and processes only through those modules.

pub(crate) mod doctor;
pub(crate) mod jobs;
pub(crate) mod models;
pub(crate) mod queue;
pub(crate) mod server;
pub(crate) mod transcribe;
pub(crate) mod up;

use std::{env, process::ExitCode};

use clap::{Command as Interface, CommandFactory, FromArgMatches, Parser, Subcommand};

/// Exit code of a command that a person stopped with Ctrl-C: 128 and the number of SIGINT, as shells have it.
pub(crate) const INTERRUPTED: u8 = 130;

/// Turn recordings into text and subtitles, on your own machine.
#[derive(Debug, Parser)]
#[command(name = "escriba", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

impl Cli {
    /// The arguments of this process. Wrong ones end it with a message, as help and the version do.
    pub(crate) fn of_this_process() -> Self {
        let mut interface = without_empty_variables(Self::command());
        let matches = interface.get_matches_mut();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut interface).exit())
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the whole of Escriba on this machine, and stop it with Ctrl-C.
    Up(Box<up::UpArgs>),
    /// Send recordings to Escriba and get their text.
    Transcribe(transcribe::TranscribeArgs),
    /// List, show, cancel, retry and delete jobs.
    Jobs(jobs::JobsArgs),
    /// Show what waits and who works.
    Queue(queue::QueueArgs),
    /// List and fetch speech models.
    Models(models::ModelsArgs),
    /// Check this machine and say what is missing and how to get it.
    Doctor(doctor::DoctorArgs),
}

pub(crate) async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Up(args) => up::run(*args).await,
        Command::Transcribe(args) => transcribe::run(args).await,
        Command::Jobs(args) => jobs::run(args).await,
        Command::Queue(args) => queue::run(args).await,
        Command::Models(args) => models::run(args).await,
        Command::Doctor(args) => doctor::run(args).await,
    }
}

/// A variable that is set to nothing counts as unset, as in the services: Compose and `.env` files set those they
/// have no value for.
fn without_empty_variables(interface: Interface) -> Interface {
    let interface = interface.mut_args(|argument| {
        let empty = argument.get_env().and_then(env::var_os).is_some_and(|value| value.is_empty());
        if empty { argument.env(None::<&'static str>) } else { argument }
    });
    interface.mut_subcommands(without_empty_variables)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }
}
