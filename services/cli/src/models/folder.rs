//! The models folder: where a model lies, how a finished file gets there, and how two pulls keep out of each
//! other's way.
//!
//! ```text
//! ggml-base.bin             the weights
//! ggml-base.bin.sha256      says that they were verified; `sha256sum -c` reads it too
//! .partial/base/            what a pull has fetched so far
//! .partial/base.lock        held by the one process that is pulling
//! ```
//!
//! A file appears under its final name whole or not at all. Nothing here fetches anything.

use std::{
    env,
    fs::{self, DirBuilder, File, TryLockError},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use escriba_domain::ModelName;

use crate::data_dir::DataDir;

use super::{
    PullError,
    background::blocking,
    catalogue::{self, Weights},
};

/// The folder models are kept in unless another is named: the one in the local stack's data folder.
pub(crate) fn default_dir() -> Result<PathBuf, PullError> {
    let asked = env::var_os("ESCRIBA_DATA_DIR").filter(|asked| !asked.is_empty()).map(PathBuf::from);
    DataDir::resolve(asked.as_deref()).map(|data| data.models()).map_err(|_| PullError::NoFolder)
}

/// A weights file in a models folder.
#[derive(Debug)]
pub(crate) struct Installed {
    pub(crate) name: ModelName,
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
}

/// Every weights file in the folder, by name, whether the catalogue knows it or not. No folder, no models.
pub(crate) fn installed(dir: &Path) -> Result<Vec<Installed>, PullError> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|source| PullError::file(dir, source))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|source| PullError::file(dir, source))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).and_then(model_of);
        // Follows links, which is how a folder of models is often put together.
        let size = fs::metadata(&path).ok().filter(fs::Metadata::is_file).map(|metadata| metadata.len());
        if let (Some(name), Some(bytes)) = (name, size) {
            found.push(Installed { name, path, bytes });
        }
    }
    found.sort_by(|a, b| a.name.as_str().cmp(b.name.as_str()));
    Ok(found)
}

fn model_of(file_name: &str) -> Option<ModelName> {
    file_name.strip_prefix("ggml-")?.strip_suffix(".bin")?.parse().ok()
}

/// Where the model lies, if it is there and was verified before. A file the catalogue does not know is the
/// operator's own, and taken as it is. Reads no weights, so it answers at once.
pub(crate) fn trusted(name: &ModelName, dir: &Path) -> Option<PathBuf> {
    let path = dir.join(name.file_name());
    let bytes = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?.len();
    let Some(model) = catalogue::find(name) else { return Some(path) };
    let record = fs::read_to_string(record_path(&path)).ok()?;
    let sha256 = record.split_ascii_whitespace().next()?;
    (model.weights.bytes == bytes && model.weights.sha256 == sha256).then_some(path)
}

/// Notes beside the weights that they were verified.
pub(crate) fn record(path: &Path, weights: Weights) -> Result<(), PullError> {
    let record = record_path(path);
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let line = format!("{}  {file_name}\n", weights.sha256);
    fs::write(&record, line).map_err(|source| PullError::file(&record, source))
}

/// Takes the note away, if there is one.
pub(crate) fn forget(path: &Path) -> Result<(), PullError> {
    let record = record_path(path);
    match fs::remove_file(&record) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(PullError::file(&record, source)),
        _ => Ok(()),
    }
}

fn record_path(path: &Path) -> PathBuf {
    path.with_added_extension("sha256")
}

/// The folder in which a pull of this model gathers its parts; on the same disk as the final place.
pub(crate) fn staging(name: &ModelName, dir: &Path) -> Result<PathBuf, PullError> {
    let staging = dir.join(".partial").join(name.as_str());
    create(&staging)?;
    Ok(staging)
}

/// Moves a verified file to its final place, so that a crash at any moment leaves the old state or the new one, and
/// clears what the pull had gathered.
pub(crate) fn install(staged: &Path, weights: Weights, name: &ModelName, dir: &Path) -> Result<PathBuf, PullError> {
    let path = dir.join(name.file_name());
    let moved = File::open(staged)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(staged, &path))
        .and_then(|()| File::open(dir)?.sync_all());
    moved.map_err(|source| PullError::file(&path, source))?;
    record(&path, weights)?;
    clear_staging(name, dir)?;
    Ok(path)
}

/// Removes what a finished pull leaves behind.
pub(crate) fn clear_staging(name: &ModelName, dir: &Path) -> Result<(), PullError> {
    let staging = staging(name, dir)?;
    fs::remove_dir_all(&staging).map_err(|source| PullError::file(&staging, source))
}

/// Makes a folder below the models folder. What is made on the way to the default one is the user's alone, because
/// recordings come to lie beside it; a folder that an operator names may be for a service under another name.
fn create(folder: &Path) -> Result<(), PullError> {
    let private = default_dir().is_ok_and(|default| folder.starts_with(default));
    let made = DirBuilder::new().recursive(true).mode(if private { 0o700 } else { 0o777 }).create(folder);
    made.map_err(|source| PullError::file(folder, source))
}

/// Waits until no other process pulls this model. The lock goes with the returned file, and with the process.
pub(crate) async fn lock(name: &ModelName, dir: &Path) -> Result<File, PullError> {
    let partial = dir.join(".partial");
    create(&partial)?;
    let path = partial.join(format!("{name}.lock"));
    let file = File::create(&path).map_err(|source| PullError::file(&path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            eprintln!("Another process is fetching {name}; waiting for it.");
            blocking(move || file.lock().map(|()| file)).await.map_err(|source| PullError::file(&path, source))
        }
        Err(TryLockError::Error(source)) => Err(PullError::file(&path, source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ModelName {
        text.parse().unwrap()
    }

    #[test]
    fn only_weights_files_are_models() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["ggml-tiny.bin", "ggml-base.bin", "ggml-base.bin.sha256", "notes.txt", "ggml-..%2f.bin"] {
            fs::write(dir.path().join(file), "x").unwrap();
        }
        fs::create_dir(dir.path().join("ggml-folder.bin")).unwrap();
        let names: Vec<_> = installed(dir.path()).unwrap().into_iter().map(|model| model.name.to_string()).collect();
        assert_eq!(names, ["base", "tiny"]);
        assert!(installed(&dir.path().join("absent")).unwrap().is_empty());
    }

    #[test]
    fn a_catalogue_model_is_trusted_only_with_its_note_and_its_size() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ggml-tiny-q5_1.bin");
        let weights = catalogue::find(&name("tiny-q5_1")).unwrap().weights;
        let file = File::create(&path).unwrap();
        file.set_len(weights.bytes).unwrap();
        assert_eq!(trusted(&name("tiny-q5_1"), dir.path()), None);
        record(&path, weights).unwrap();
        assert_eq!(trusted(&name("tiny-q5_1"), dir.path()).as_ref(), Some(&path));
        file.set_len(weights.bytes - 1).unwrap();
        assert_eq!(trusted(&name("tiny-q5_1"), dir.path()), None);

        fs::write(dir.path().join("ggml-our-own.bin"), "x").unwrap();
        assert!(trusted(&name("our-own"), dir.path()).is_some());
        assert!(trusted(&name("absent"), dir.path()).is_none());
    }

    #[tokio::test]
    async fn a_second_pull_waits_for_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let first = lock(&name("tiny"), dir.path()).await.unwrap();
        let second = tokio::spawn({
            let dir = dir.path().to_owned();
            async move { lock(&name("tiny"), &dir).await.unwrap() }
        });
        // Another model's pull is not held up, and by then the second one has had its turn to run.
        lock(&name("base"), dir.path()).await.unwrap();
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        second.await.unwrap();
    }
}
