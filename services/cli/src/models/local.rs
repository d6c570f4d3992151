//! A file or folder that the operator names, as a source: what machines without any network use.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use super::{PullError, background::blocking, catalogue::Model, checksum, progress};

/// Copies the model's file into `staging` and answers where it lies, verified.
pub(crate) async fn fetch(model: &Model, from: &Path, staging: &Path) -> Result<PathBuf, PullError> {
    let file_name = model.file_name();
    let source = if from.is_dir() { from.join(&file_name) } else { from.to_owned() };
    if from.is_dir() && !source.exists() {
        return Err(PullError::NotInFolder { folder: from.to_owned(), file_name });
    }
    let unreadable = |error| PullError::File { path: source.clone(), source: error };
    let mut file = File::open(&source).map_err(unreadable)?;
    let bytes = file.metadata().map_err(unreadable)?.len();

    let staged = staging.join(format!("{file_name}.copied"));
    let bar = progress::bytes(&format!("Copying {} from {}", model.name, source.display()), bytes);
    let copied = blocking({
        let (staged, bar) = (staged.clone(), bar.clone());
        move || {
            let mut copy = File::create(&staged)?;
            checksum::copy(&mut file, &mut copy, &bar)
        }
    });
    let found = copied.await.map_err(|error| PullError::file(&staged, error))?;
    bar.finish_and_clear();

    if found == model.weights.sha256 {
        return Ok(staged);
    }
    fs::remove_file(&staged).map_err(|error| PullError::file(&staged, error))?;
    let origin = source.display().to_string();
    Err(PullError::WrongContent { name: model.name.to_owned(), origin, found })
}

#[cfg(test)]
mod tests {
    use super::{super::catalogue::Weights, *};

    const MODEL: Model = Model {
        name: "tiny",
        weights: Weights { bytes: 3, sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        sha1: "",
        mirrors: &[],
    };

    #[tokio::test]
    async fn a_file_and_a_folder_both_do() {
        let (from, staging) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = from.path().join("ggml-tiny.bin");
        fs::write(&file, "abc").unwrap();
        for given in [file.as_path(), from.path()] {
            let staged = fetch(&MODEL, given, staging.path()).await.unwrap();
            assert_eq!(fs::read(staged).unwrap(), b"abc");
        }
    }

    #[tokio::test]
    async fn what_is_missing_or_wrong_is_named_and_not_kept() {
        let (from, staging) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let error = fetch(&MODEL, from.path(), staging.path()).await.unwrap_err();
        assert!(error.to_string().ends_with("holds no ggml-tiny.bin"), "{error}");
        let error = fetch(&MODEL, &from.path().join("absent.bin"), staging.path()).await.unwrap_err();
        assert!(matches!(error, PullError::File { .. }), "{error}");

        fs::write(from.path().join("ggml-tiny.bin"), "abd").unwrap();
        let error = fetch(&MODEL, from.path(), staging.path()).await.unwrap_err();
        assert!(matches!(error, PullError::WrongContent { .. }), "{error}");
        assert_eq!(fs::read_dir(staging.path()).unwrap().count(), 0);
    }
}
