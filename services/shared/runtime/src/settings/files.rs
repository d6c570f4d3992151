//! `NAME_FILE` twins: a setting whose value lies in a file, the way orchestrators mount secrets. The value goes to
//! clap as if it had been typed, so it is checked like any other and the environment stays untouched.

use std::{
    ffi::{OsStr, OsString},
    io,
    path::{Path, PathBuf},
};

use clap::{Arg, Command};

use super::{Environment, SettingsError};

type Read<'a> = &'a dyn Fn(&Path) -> io::Result<String>;

/// The arguments with those from files put in front of the ones a person gave to the same (sub)command, which
/// therefore win.
pub(super) fn with_file_values(
    command: &Command,
    arguments: Vec<OsString>,
    environment: &Environment,
    read: Read<'_>,
) -> Result<Vec<OsString>, SettingsError> {
    let mut given = arguments.into_iter();
    let mut all: Vec<OsString> = given.next().into_iter().collect();
    all.extend(file_values(command, environment, read)?);
    let mut level = command;
    for argument in given {
        let subcommand = argument.to_str().and_then(|name| level.find_subcommand(name));
        all.push(argument);
        if let Some(subcommand) = subcommand {
            all.extend(file_values(subcommand, environment, read)?);
            level = subcommand;
        }
    }
    Ok(all)
}

fn file_values(command: &Command, environment: &Environment, read: Read<'_>) -> Result<Vec<OsString>, SettingsError> {
    let values = command.get_arguments().filter(|argument| argument.get_action().takes_values());
    values.filter_map(|argument| file_value(argument, environment, read).transpose()).collect()
}

fn file_value(argument: &Arg, environment: &Environment, read: Read<'_>) -> Result<Option<OsString>, SettingsError> {
    let set = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    let (Some(name), Some(flag)) = (argument.get_env().and_then(OsStr::to_str), argument.get_long()) else {
        return Ok(None);
    };
    let Some(path) = set(&format!("{name}_FILE")).map(PathBuf::from) else {
        return Ok(None);
    };
    if set(name).is_some() {
        return Err(SettingsError::Contradiction { name: name.to_owned() });
    }
    match read(&path) {
        Ok(text) => Ok(Some(format!("--{flag}={}", text.trim_end_matches(['\r', '\n'])).into())),
        Err(source) => Err(SettingsError::Unreadable { name: name.to_owned(), path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(given: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
        let key = || Arg::new("key").long("key").env("SAMPLE_KEY");
        let command = Command::new("sample")
            .arg(Arg::new("log").long("log").env("SAMPLE_LOG"))
            .subcommand(Command::new("serve").arg(key()))
            .subcommand(Command::new("jobs").arg(Arg::new("id")));
        let environment = variables.iter().map(|&(name, value)| (name.to_owned(), value.into())).collect();
        let given = ["sample"].iter().chain(given).map(OsString::from).collect();
        let read = |path: &Path| Ok(format!("from {}\r\n", path.display()));
        let all = with_file_values(&command, given, &environment, &read).unwrap();
        all.into_iter().map(|argument| argument.into_string().unwrap()).collect()
    }

    #[test]
    fn a_value_goes_to_the_subcommand_that_has_the_setting() {
        let all = arguments(&["serve", "--key=mine"], &[("SAMPLE_KEY_FILE", "/k"), ("SAMPLE_LOG_FILE", "/l")]);
        assert_eq!(all, ["sample", "--log=from /l", "serve", "--key=from /k", "--key=mine"]);
    }

    #[test]
    fn a_subcommand_without_the_setting_is_left_alone() {
        assert_eq!(arguments(&["jobs", "7"], &[("SAMPLE_KEY_FILE", "/k")]), ["sample", "jobs", "7"]);
    }

    #[test]
    fn an_empty_file_name_is_no_file() {
        assert_eq!(arguments(&[], &[("SAMPLE_LOG_FILE", "")]), ["sample"]);
    }
}
