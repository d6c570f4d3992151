//! `escriba models`: what there is to pull, what is here, and pulling. All the work is in [`crate::models`].

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::{Args, Subcommand};
use escriba_domain::ModelName;
use indicatif::BinaryBytes;
use serde::Serialize;

use crate::models::{self, Existing, PullOptions, catalogue};

/// List and fetch speech models.
#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    /// Where models are kept [default: `$XDG_DATA_HOME/escriba/models`, or `~/.local/share/escriba/models`].
    #[arg(long, env = "MODELS_DIR", value_name = "FOLDER", global = true)]
    models_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: ModelsCommand,
}

#[derive(Debug, Subcommand)]
enum ModelsCommand {
    /// Show every model there is, and which are installed here.
    List(ListArgs),
    /// Fetch models and verify them.
    Pull(PullArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Write JSON instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct PullArgs {
    /// Models, such as `base` or `large-v3-turbo`; `escriba models list` shows them all.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<ModelName>,
    /// Take the model from this file, or from ggml-NAME.bin in this folder, instead of the network.
    #[arg(long, value_name = "PATH")]
    from: Option<PathBuf>,
    /// Check models that are already here against their SHA-256, and fetch damaged ones again.
    #[arg(long)]
    verify: bool,
}

/// A line of the list.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    bytes: u64,
    languages: &'static str,
    state: State,
    path: Option<PathBuf>,
    /// As published by upstream.
    sha256: Option<&'static str>,
    sha1: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Absent,
    Installed,
    /// A file lies there whose content nobody has checked yet.
    Unverified,
}

pub(crate) async fn run(args: ModelsArgs) -> anyhow::Result<ExitCode> {
    // An empty MODELS_DIR is an unset one, as it is in Compose files.
    let dir = match args.models_dir.filter(|dir| !dir.as_os_str().is_empty()) {
        Some(dir) => std::path::absolute(dir)?,
        None => models::default_dir()?,
    };
    match args.command {
        ModelsCommand::List(list) => print(&rows(&dir)?, &list)?,
        ModelsCommand::Pull(pull) => pull_all(pull, &dir).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn pull_all(args: PullArgs, dir: &Path) -> anyhow::Result<()> {
    let existing = if args.verify { Existing::Verify } else { Existing::Trust };
    let options = PullOptions { from: args.from, existing, ..PullOptions::from_env() };
    // A mistyped last name is told before the first is fetched.
    for name in &args.names {
        if models::trusted(name, dir).is_none() {
            models::known(name)?;
        }
    }
    for name in &args.names {
        let was_present = models::trusted(name, dir).is_some() && existing == Existing::Trust;
        let path = models::ensure(name, dir, &options).await.with_context(|| format!("cannot pull {name}"))?;
        let state = if was_present { "already present" } else { "ready" };
        eprintln!("{name} is {state}: {}", path.display());
    }
    Ok(())
}

/// The catalogue in its order, then the operator's own models.
fn rows(dir: &Path) -> anyhow::Result<Vec<Row>> {
    let mut installed = models::installed(dir)?;
    let mut rows = Vec::new();
    for model in catalogue::all() {
        let place = installed.iter().position(|found| found.name.as_str() == model.name);
        let found = place.map(|place| installed.remove(place));
        let state = match &found {
            None => State::Absent,
            Some(found) if models::trusted(&found.name, dir).is_some() => State::Installed,
            Some(_) => State::Unverified,
        };
        rows.push(Row {
            name: model.name.to_owned(),
            bytes: found.as_ref().map_or(model.weights.bytes, |found| found.bytes),
            languages: model.languages(),
            state,
            path: found.map(|found| found.path),
            sha256: Some(model.weights.sha256),
            sha1: Some(model.sha1),
        });
    }
    rows.extend(installed.into_iter().map(|own| Row {
        name: own.name.to_string(),
        bytes: own.bytes,
        languages: "unknown",
        state: State::Installed,
        path: Some(own.path),
        sha256: None,
        sha1: None,
    }));
    Ok(rows)
}

fn print(rows: &[Row], args: &ListArgs) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, rows)?;
        return writeln!(out);
    }
    writeln!(out, "{:<20} {:>11}  {:<12}  {:<10}  PATH", "NAME", "SIZE", "LANGUAGES", "INSTALLED")?;
    for row in rows {
        let installed = match row.state {
            State::Absent => "no",
            State::Installed => "yes",
            State::Unverified => "unverified",
        };
        let size = BinaryBytes(row.bytes).to_string();
        let path = row.path.as_ref().map_or_else(|| "-".into(), |path| path.to_string_lossy());
        writeln!(out, "{:<20} {size:>11}  {:<12}  {installed:<10}  {path}", row.name, row.languages)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_list_has_every_model_and_the_operators_own() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("ggml-base.bin"), "unchecked").unwrap();
        fs::write(dir.path().join("ggml-our-own.bin"), "own").unwrap();
        let rows = rows(dir.path()).unwrap();
        assert_eq!(rows.len(), catalogue::all().len() + 1);

        let row = |name: &str| rows.iter().find(|row| row.name == name).unwrap();
        assert_eq!((row("base").state, row("base").languages), (State::Unverified, "multilingual"));
        assert_eq!((row("base.en").state, row("base.en").languages), (State::Absent, "English"));
        assert_eq!((row("our-own").state, row("our-own").bytes), (State::Installed, 3));
    }
}
