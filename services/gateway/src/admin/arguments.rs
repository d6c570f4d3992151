//! What can be asked of the program: to serve, without a command, or to run one.

use std::{str::FromStr, time::Duration};

use clap::{ArgMatches, Args, Command, CommandFactory, Error, FromArgMatches, Parser, Subcommand};

use super::limit_arguments::LimitArgs;
use crate::{app::housekeeping::Mode, config::Config};

/// A century; more is for ever.
const MOST_DAYS: u32 = 36_500;

/// One start of the program.
#[derive(Debug)]
pub enum Invocation {
    Serve(Box<Config>),
    Administer(AdminCommand),
}

/// Written out because a derived one would ask for the settings of serving where a command needs none of them.
impl CommandFactory for Invocation {
    fn command() -> Command {
        AdminCommand::augment_subcommands(Config::command()).subcommand_required(false).subcommand_negates_reqs(true)
    }

    fn command_for_update() -> Command {
        Self::command()
    }
}

impl FromArgMatches for Invocation {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        match matches.subcommand_name() {
            Some(_) => AdminCommand::from_arg_matches(matches).map(Self::Administer),
            None => Config::from_arg_matches(matches).map(|config| Self::Serve(Box::new(config))),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Parser for Invocation {}

#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Delete from storage what no job needs; a gateway that serves does it about hourly.
    Sweep(SweepArgs),
    /// Delete what workspaces keep no longer; a gateway that serves does it about hourly.
    Retention(RetentionArgs),
    /// List the workspaces.
    Workspaces(WorkspacesArgs),
    /// Show a workspace, or change how long it keeps things and how much it may have.
    Workspace(WorkspaceArgs),
}

#[derive(Debug, Args)]
pub struct SweepArgs {
    /// Judge only what is older. Less than `1h` is for dry runs alone.
    #[arg(long, env = "ORPHAN_AGE", default_value = "24h", value_parser = humantime::parse_duration)]
    pub older_than: Duration,
    #[command(flatten)]
    pub run: RunArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub database: DatabaseArgs,
    #[command(flatten)]
    pub storage: StorageArgs,
}

#[derive(Debug, Args)]
pub struct RetentionArgs {
    #[command(flatten)]
    pub run: RunArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub database: DatabaseArgs,
    #[command(flatten)]
    pub storage: StorageArgs,
}

#[derive(Debug, Args)]
pub struct WorkspacesArgs {
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub struct WorkspaceArgs {
    /// Its id, or its name if no other has the same.
    pub workspace: String,
    /// Days after a job's end for which its recording is kept, or `forever`.
    #[arg(long, value_name = "DAYS")]
    pub keep_media_days: Option<KeepFor>,
    /// Days after a job's end for which it is kept with its transcript, or `forever`. Its recording goes with it.
    #[arg(long, value_name = "DAYS")]
    pub keep_transcripts_days: Option<KeepFor>,
    /// How large its share of a queue is, beside those of others: with 3 it gets three turns where one with 1 gets one.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub weight: Option<u32>,
    #[command(flatten)]
    pub limits: LimitArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    /// Delete nothing, and say what would be deleted.
    #[arg(long)]
    dry_run: bool,
}

impl RunArgs {
    pub const fn mode(&self) -> Mode {
        if self.dry_run { Mode::DryRun } else { Mode::Apply }
    }
}

#[derive(Debug, Args)]
pub struct OutputArgs {
    /// For programs: JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct DatabaseArgs {
    /// Where the database is: `sqlite:///path/escriba.db` or `postgres://user:password@host/name`.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: String,
}

#[derive(Debug, Args)]
pub struct StorageArgs {
    /// Where recordings are kept: `file:///absolute/folder` or `s3://bucket`.
    #[arg(long, env = "STORAGE_URL")]
    pub storage_url: String,
}

/// Days, or for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepFor(pub Option<u32>);

impl FromStr for KeepFor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "forever" {
            return Ok(Self(None));
        }
        let days = text.parse().ok().filter(|days| *days <= MOST_DAYS);
        days.map(|days| Self(Some(days))).ok_or_else(|| format!("use days from 0 to {MOST_DAYS}, or `forever`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATABASE: &str = "--database-url=sqlite:///nowhere/escriba.db";
    const STORAGE: &str = "--storage-url=file:///nowhere";

    fn parse(arguments: &[&str]) -> Result<Invocation, String> {
        let all = ["escriba-gateway"].iter().chain(arguments);
        Invocation::try_parse_from(all).map_err(|error| error.to_string())
    }

    #[test]
    fn without_a_command_it_serves_and_needs_what_that_needs() {
        assert!(matches!(parse(&[DATABASE, STORAGE]), Ok(Invocation::Serve(_))));
        assert!(parse(&[STORAGE]).unwrap_err().contains("--database-url"));
        assert!(parse(&["sweeep", DATABASE, STORAGE]).unwrap_err().contains("'sweep'"));
    }

    #[test]
    fn a_command_needs_no_more_than_it_uses() {
        let Ok(Invocation::Administer(AdminCommand::Sweep(sweep))) = parse(&["sweep", DATABASE, STORAGE]) else {
            panic!("it is a sweep");
        };
        assert_eq!((sweep.older_than, sweep.run.mode()), (Duration::from_hours(24), Mode::Apply));
        assert!(parse(&["workspaces", DATABASE]).is_ok());
        assert!(parse(&["sweep", DATABASE]).unwrap_err().contains("--storage-url"));
        assert!(parse(&["workspaces"]).unwrap_err().contains("--database-url"));
    }

    #[test]
    fn things_are_kept_for_days_or_for_ever() {
        assert_eq!("forever".parse(), Ok(KeepFor(None)));
        assert_eq!("0".parse(), Ok(KeepFor(Some(0))));
        for wrong in ["-1", "36501", "30d", "never", ""] {
            assert!(wrong.parse::<KeepFor>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_setting_is_in_the_projects_list() {
        let command = Invocation::command();
        let commands = command.get_subcommands().chain([&command]);
        for name in commands.flat_map(Command::get_arguments).filter_map(clap::Arg::get_env) {
            assert!(escriba_runtime::settings::KNOWN.iter().any(|known| *known == name), "{}", name.display());
        }
    }

    #[test]
    fn the_command_is_consistent() {
        Invocation::command().debug_assert();
    }
}
