//! Where the programs of the stack are on this machine and which versions they say they are. It must not decide
//! whether a version will do.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{process::Command, time};

/// A program that has not said its version by then is not the one we look for.
const VERSION_TIMEOUT: Duration = Duration::from_secs(5);

/// Escriba's own programs, which are installed into one folder.
pub(crate) const SERVICES: [&str; 3] = ["escriba-gateway", "escriba-export", "escriba-transcriber"];

pub(crate) const HOW_TO_GET: &str = "Escriba's programs belong in one folder: build them all with `make build`, or \
    unpack the whole release.";

/// A program of ours is not beside this one.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` is not beside `escriba` in {folder}. {HOW_TO_GET}")]
pub(crate) struct NotBesideUs {
    name: &'static str,
    folder: String,
}

/// A program does not answer `--version`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VersionError {
    #[error("`{}` cannot be run: {source}", path.display())]
    NotRunnable { path: PathBuf, source: io::Error },
    #[error("`{} --version` ended with {status}", path.display())]
    Refused { path: PathBuf, status: std::process::ExitStatus },
    #[error("`{} --version` gave no answer", path.display())]
    Silent { path: PathBuf },
}

/// The programs the stack is made of.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(crate) nats_server: PathBuf,
    pub(crate) gateway: PathBuf,
    pub(crate) export: PathBuf,
    pub(crate) transcriber: PathBuf,
}

impl Programs {
    pub(crate) fn with_nats_server(nats_server: PathBuf) -> Result<Self, NotBesideUs> {
        let [gateway, export, transcriber] = SERVICES.map(|name| {
            beside_us(name).ok_or_else(|| NotBesideUs { name, folder: our_folder().display().to_string() })
        });
        Ok(Self { nats_server, gateway: gateway?, export: export?, transcriber: transcriber? })
    }
}

pub(crate) fn beside_us(name: &str) -> Option<PathBuf> {
    Some(our_folder().join(name)).filter(|path| path.is_file())
}

/// The first of that name in the folders of the PATH, as a shell finds it.
pub(crate) fn on_path(name: &Path) -> Option<PathBuf> {
    search(name, &std::env::var_os("PATH")?)
}

/// The line a program prints when asked for its version.
pub(crate) async fn version(path: &Path) -> Result<String, VersionError> {
    let mut command = Command::new(path);
    command.arg("--version").stdin(Stdio::null()).kill_on_drop(true);
    let output = match time::timeout(VERSION_TIMEOUT, command.output()).await {
        Err(_) => return Err(VersionError::Silent { path: path.to_owned() }),
        Ok(Err(source)) => return Err(VersionError::NotRunnable { path: path.to_owned(), source }),
        Ok(Ok(output)) => output,
    };
    if !output.status.success() {
        return Err(VersionError::Refused { path: path.to_owned(), status: output.status });
    }
    let printed = String::from_utf8_lossy(&output.stdout);
    Ok(printed.lines().next().unwrap_or_default().trim().to_owned())
}

fn our_folder() -> PathBuf {
    let ours = std::env::current_exe().ok();
    ours.as_deref().and_then(Path::parent).map_or_else(|| PathBuf::from("."), Path::to_owned)
}

fn search(name: &Path, folders: &OsStr) -> Option<PathBuf> {
    // A name with a folder in it is a place, not something to search for.
    if name.components().count() != 1 {
        return None;
    }
    std::env::split_paths(folders).map(|folder| folder.join(name)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_searched_in_order_and_for_plain_names_only() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(second.path().join("nats-server"), "").unwrap();
        let folders = std::env::join_paths([first.path(), second.path()]).unwrap();
        assert_eq!(search(Path::new("nats-server"), &folders), Some(second.path().join("nats-server")));

        std::fs::write(first.path().join("nats-server"), "").unwrap();
        assert_eq!(search(Path::new("nats-server"), &folders), Some(first.path().join("nats-server")));
        assert_eq!(search(Path::new("./bin/nats-server"), &folders), None);
        assert_eq!(search(Path::new("elsewhere"), &folders), None);
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let refusal = version(Path::new("/nowhere/nats-server")).await.unwrap_err().to_string();
        assert!(refusal.starts_with("`/nowhere/nats-server` cannot be run"), "{refusal}");
    }
}
