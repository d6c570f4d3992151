//! How a process learns its configuration: command line first, then environment, then defaults. A setting that is
//! misspelt, contradictory or malformed stops the start with exactly one line, because a service that runs on a
//! default nobody chose is found out much later. Never changes the environment and never prints a secret's value.

mod files;
mod known;

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
    process,
};

use clap::{Command, FromArgMatches, Parser, error::ErrorKind};

pub use known::KNOWN;

/// What a shell expects from a command that was called wrongly.
const WRONG_USAGE: i32 = 2;

/// Environment variables by name. Names that are not Unicode cannot be settings and are left out.
type Environment = BTreeMap<String, OsString>;

/// Why a process does not start.
#[derive(Debug, thiserror::Error)]
enum SettingsError {
    #[error("{name} and {name}_FILE are both set; keep one of them")]
    Contradiction { name: String },
    #[error("cannot read {}, named by {name}_FILE: {source}", path.display())]
    Unreadable { name: String, path: PathBuf, source: io::Error },
    #[error("{name} is not a setting; did you mean {suggestion}?")]
    Misspelt { name: String, suggestion: String },
    #[error("{0}")]
    Usage(String),
    /// Help or the version was asked for, so this is no error to the person.
    #[error(transparent)]
    Shown(clap::Error),
}

/// Reads the configuration from the command line and the environment.
///
/// `T`'s arguments name their variables with `env = "NAME"` and need a long flag. `NAME_FILE` names a file that holds
/// the value, for secrets that are mounted; the line break at its end is dropped. A variable that is set to nothing
/// counts as unset, as Compose sets those it has no value for. Flags given by hand win over both.
///
/// Ends the process with one line on stderr and code 2 if there is anything wrong.
pub fn parse<T: Parser>() -> T {
    let environment = env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect();
    match load(T::command(), env::args_os().collect(), &environment, |path| fs::read_to_string(path)) {
        Ok(config) => config,
        Err(SettingsError::Shown(shown)) => shown.exit(),
        Err(error) => {
            eprintln!("{}: {error}", T::command().get_name());
            process::exit(WRONG_USAGE);
        }
    }
}

fn load<T: FromArgMatches>(
    command: Command,
    arguments: Vec<OsString>,
    environment: &Environment,
    read: impl Fn(&Path) -> io::Result<String>,
) -> Result<T, SettingsError> {
    known::refuse_misspelt(&command, environment)?;
    let arguments = files::with_file_values(&command, arguments, environment, &read)?;
    let mut command = named_by_setting(command, environment).args_override_self(true);
    let mut matches = command.try_get_matches_from_mut(arguments).map_err(one_line)?;
    T::from_arg_matches_mut(&mut matches).map_err(|error| one_line(error.format(&mut command)))
}

/// Errors and help then speak of the variable a person set, show no values, and take an empty variable as unset.
fn named_by_setting(command: Command, environment: &Environment) -> Command {
    command
        .mut_args(|argument| {
            let Some(name) = argument.get_env().and_then(OsStr::to_str).map(str::to_owned) else {
                return argument;
            };
            let empty = environment.get(&name).is_some_and(|value| value.is_empty());
            let argument = argument.hide_env_values(true);
            let argument = if empty { argument.env(None::<&'static str>) } else { argument };
            if argument.get_action().takes_values() { argument.value_name(name) } else { argument }
        })
        .mut_subcommands(|subcommand| named_by_setting(subcommand, environment))
}

fn one_line(error: clap::Error) -> SettingsError {
    use ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
    if matches!(error.kind(), DisplayHelp | DisplayVersion | DisplayHelpOnMissingArgumentOrSubcommand) {
        return SettingsError::Shown(error);
    }
    let text = error.render().to_string();
    let lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty())
        .collect();
    SettingsError::Usage(lines.join(" ").trim_start_matches("error: ").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Parser)]
    #[command(name = "sample", version = "1.2.3")]
    struct Sample {
        #[arg(long, env = "SAMPLE_DATABASE_URL")]
        database_url: String,
        #[arg(long, env = "SAMPLE_SLOTS", default_value_t = 2)]
        slots: u16,
    }

    fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Sample, SettingsError> {
        let arguments = ["sample"].iter().chain(arguments).map(OsString::from).collect();
        let environment = variables.iter().map(|&(name, value)| (name.to_owned(), value.into())).collect();
        load(<Sample as clap::CommandFactory>::command(), arguments, &environment, |path| match path.to_str() {
            Some("/secret") => Ok("sqlite::memory:\n".to_owned()),
            _ => Err(io::ErrorKind::NotFound.into()),
        })
    }

    fn refusal(arguments: &[&str], variables: &[(&str, &str)]) -> String {
        let line = start(arguments, variables).unwrap_err().to_string();
        assert!(!line.contains('\n'), "more than one line: {line}");
        line
    }

    #[test]
    fn a_file_gives_the_value_without_its_line_break() {
        let sample = start(&[], &[("SAMPLE_DATABASE_URL_FILE", "/secret")]).unwrap();
        assert_eq!(sample.database_url, "sqlite::memory:");
        assert_eq!(sample.slots, 2);
    }

    #[test]
    fn a_flag_wins_over_a_file() {
        let sample = start(&["--database-url", "mine"], &[("SAMPLE_DATABASE_URL_FILE", "/secret")]).unwrap();
        assert_eq!(sample.database_url, "mine");
    }

    #[test]
    fn a_value_and_its_file_contradict_each_other() {
        let line = refusal(&[], &[("SAMPLE_DATABASE_URL", "x"), ("SAMPLE_DATABASE_URL_FILE", "/secret")]);
        assert_eq!(line, "SAMPLE_DATABASE_URL and SAMPLE_DATABASE_URL_FILE are both set; keep one of them");
    }

    #[test]
    fn an_empty_variable_is_an_unset_one() {
        let variables = [("SAMPLE_DATABASE_URL", ""), ("SAMPLE_DATABASE_URL_FILE", "/secret"), ("SAMPLE_SLOTS", "")];
        assert_eq!(start(&[], &variables).unwrap().slots, 2);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named_with_its_setting() {
        let line = refusal(&[], &[("SAMPLE_DATABASE_URL_FILE", "/nowhere")]);
        assert_eq!(line, "cannot read /nowhere, named by SAMPLE_DATABASE_URL_FILE: entity not found");
    }

    #[test]
    fn what_clap_says_becomes_one_line_that_names_the_setting() {
        let missing = refusal(&[], &[]);
        let expected = "the following required arguments were not provided: --database-url <SAMPLE_DATABASE_URL>";
        assert_eq!(missing, expected);
        let malformed = refusal(&["--database-url", "x", "--slots", "many"], &[]);
        assert_eq!(malformed, "invalid value 'many' for '--slots <SAMPLE_SLOTS>': invalid digit found in string");
        assert!(refusal(&["--slotz", "3"], &[]).starts_with("unexpected argument '--slotz' found"));
    }

    #[test]
    fn help_and_version_behave_as_usual() {
        for flag in ["--help", "--version"] {
            assert!(matches!(start(&[flag], &[]), Err(SettingsError::Shown(_))));
        }
    }

    #[test]
    fn a_misspelt_setting_stops_the_start() {
        let line = refusal(&["--database-url", "x"], &[("DATABASE_ULR", "postgres://")]);
        assert_eq!(line, "DATABASE_ULR is not a setting; did you mean DATABASE_URL?");
    }
}
