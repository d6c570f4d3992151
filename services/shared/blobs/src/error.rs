//! What can go wrong with object storage.

use std::io;

use escriba_domain::ErrorKind;

#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("STORAGE_URL is not usable: {0}")]
    Url(String),
    #[error("no object `{0}`")]
    NotFound(String),
    #[error("object storage has no space left")]
    Full(#[source] object_store::Error),
    #[error("object storage is not available")]
    Unavailable(#[source] object_store::Error),
}

impl BlobError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Url(_) => ErrorKind::Invalid,
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Full(_) => ErrorKind::StorageFull,
            Self::Unavailable(_) => ErrorKind::Unavailable,
        }
    }
}

impl From<object_store::Error> for BlobError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { path, .. } => Self::NotFound(path),
            other if is_full(&other) => Self::Full(other),
            other => Self::Unavailable(other),
        }
    }
}

/// The operating system's error lies somewhere in the chain of causes.
fn is_full(error: &object_store::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return matches!(
                error.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
            );
        }
        cause = error.source();
    }
    false
}
