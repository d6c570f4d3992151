//! The folder that holds everything a local Escriba keeps, and what may be read from it by another process: where
//! the stack runs and with which key. It must not start or stop anything.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow};
use reqwest::Url;
use serde::{Deserialize, Serialize};

/// The data folder and the names inside it.
#[derive(Debug, Clone)]
pub(crate) struct DataDir {
    root: PathBuf,
}

/// What `stack.json` says: a running stack, written once it is ready and removed when it ends.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StackRecord {
    /// The supervisor.
    pub(crate) pid: u32,
    pub(crate) version: String,
    pub(crate) http_url: String,
    pub(crate) nats_url: String,
    pub(crate) model: String,
    /// Where each service answers `/readyz`, by the service's name.
    pub(crate) internal_urls: std::collections::BTreeMap<String, String>,
}

impl DataDir {
    /// The folder asked for, or the one the XDG base directory specification gives.
    pub(crate) fn resolve(asked: Option<&Path>) -> anyhow::Result<Self> {
        let root = match asked {
            Some(path) => path.to_owned(),
            None => default_root(std::env::var_os("XDG_DATA_HOME").map(PathBuf::from), std::env::home_dir())
                .context("There is no home folder to keep data in: name a folder with --data-dir.")?,
        };
        let root = std::path::absolute(&root).with_context(|| format!("`{}` is no usable path", root.display()))?;
        Ok(Self { root })
    }

    /// Makes the folders. Only their owner can look inside, because recordings are private.
    pub(crate) fn create(&self) -> anyhow::Result<()> {
        for folder in [self.root.clone(), self.media(), self.nats_store(), self.models()] {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
            made.with_context(|| format!("Cannot make the folder `{}`", folder.display()))?;
        }
        Ok(())
    }

    /// The lock that one supervisor holds for as long as it lives; `None` when another has it.
    pub(crate) fn lock(&self) -> anyhow::Result<Option<File>> {
        let path = self.lock_file();
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.with_context(|| format!("Cannot open `{}`", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("Cannot lock `{}`", path.display())),
        }
    }

    /// The stack that runs on this folder now, if one is ready.
    pub(crate) fn running_stack(&self) -> Option<StackRecord> {
        // A supervisor that was killed could not remove its record, but it holds no lock any more.
        let lock = File::open(self.lock_file()).ok()?;
        match lock.try_lock_shared() {
            Err(TryLockError::WouldBlock) => serde_json::from_slice(&fs::read(self.stack_file()).ok()?).ok(),
            _ => None,
        }
    }

    /// Says to other processes where the stack runs. They read the whole of it or nothing.
    pub(crate) fn publish(&self, record: &StackRecord) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.root)?;
        serde_json::to_writer_pretty(&mut file, record)?;
        file.write_all(b"\n")?;
        file.persist(self.stack_file())?;
        Ok(())
    }

    pub(crate) fn withdraw(&self) {
        // Nothing depends on its absence: readers check that a supervisor holds the lock.
        let _ = fs::remove_file(self.stack_file());
    }

    pub(crate) fn read_api_key(&self) -> anyhow::Result<String> {
        let path = self.api_key();
        let key = fs::read_to_string(&path).with_context(|| format!("Cannot read the API key `{}`", path.display()))?;
        Ok(key.trim().to_owned())
    }

    /// The database setting: created when it is not there.
    pub(crate) fn database_url(&self) -> anyhow::Result<String> {
        let file = file_url(&self.root.join("escriba.db"))?;
        Ok(format!("sqlite://{}?mode=rwc", file.path()))
    }

    pub(crate) fn storage_url(&self) -> anyhow::Result<String> {
        Ok(file_url(&self.media())?.into())
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn nats_store(&self) -> PathBuf {
        self.root.join("nats")
    }

    pub(crate) fn nats_config(&self) -> PathBuf {
        self.root.join("nats-server.conf")
    }

    pub(crate) fn models(&self) -> PathBuf {
        self.root.join("models")
    }

    pub(crate) fn api_key(&self) -> PathBuf {
        self.root.join("api-key")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.root.join("escriba.log")
    }

    fn media(&self) -> PathBuf {
        self.root.join("media")
    }

    fn lock_file(&self) -> PathBuf {
        self.root.join("lock")
    }

    fn stack_file(&self) -> PathBuf {
        self.root.join("stack.json")
    }
}

fn default_root(xdg_data_home: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    // The specification says to ignore relative paths there.
    let base = xdg_data_home.filter(|path| path.is_absolute());
    Some(base.or_else(|| home.map(|home| home.join(".local/share")))?.join("escriba"))
}

/// A `file:` URL, which escapes spaces, question marks and the like in folder names.
fn file_url(path: &Path) -> anyhow::Result<Url> {
    Url::from_file_path(path).map_err(|()| anyhow!("`{}` cannot be written as a URL", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_folder_follows_the_xdg_specification() {
        let home = || Some(PathBuf::from("/home/ana"));
        assert_eq!(default_root(Some("/data".into()), home()), Some("/data/escriba".into()));
        assert_eq!(default_root(Some("relative".into()), home()), Some("/home/ana/.local/share/escriba".into()));
        assert_eq!(default_root(None, home()), Some("/home/ana/.local/share/escriba".into()));
        assert_eq!(default_root(None, None), None);
    }

    #[test]
    fn odd_folder_names_survive_in_urls() {
        let data = DataDir::resolve(Some(Path::new("/srv/my data?/100%"))).unwrap();
        assert_eq!(data.database_url().unwrap(), "sqlite:///srv/my%20data%3F/100%25/escriba.db?mode=rwc");
        assert_eq!(data.storage_url().unwrap(), "file:///srv/my%20data%3F/100%25/media");
    }

    #[test]
    fn one_supervisor_at_a_time_holds_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::resolve(Some(folder.path())).unwrap();
        let held = data.lock().unwrap();
        assert!(held.is_some());
        assert!(data.lock().unwrap().is_none());
        drop(held);
        assert!(data.lock().unwrap().is_some());
    }

    #[test]
    fn a_record_left_by_a_dead_supervisor_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::resolve(Some(folder.path())).unwrap();
        assert!(data.running_stack().is_none());
        let lock = data.lock().unwrap();
        let record = StackRecord {
            pid: std::process::id(),
            version: "1".into(),
            http_url: "http://127.0.0.1:8080".into(),
            nats_url: "nats://127.0.0.1:4222".into(),
            model: "base".into(),
            internal_urls: [("gateway".to_owned(), "http://127.0.0.1:9101".to_owned())].into(),
        };
        data.publish(&record).unwrap();
        assert_eq!(data.running_stack().unwrap().http_url, record.http_url);
        drop(lock);
        assert!(data.running_stack().is_none());
    }
}
