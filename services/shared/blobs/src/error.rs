//! What can go wrong with object storage.

use std::{io, path::PathBuf};

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
    /// An upload goes on after it failed; nothing of it is kept.
    #[error("the upload failed before")]
    Broken,
    #[error("{} cannot be looked through or cleared", path.display())]
    Folder { path: PathBuf, source: io::Error },
}

impl BlobError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Url(_) => ErrorKind::Invalid,
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Full(_) => ErrorKind::StorageFull,
            Self::Unavailable(_) | Self::Broken | Self::Folder { .. } => ErrorKind::Unavailable,
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

/// The operating system's error, or a bucket's answer, lies somewhere in the chain of causes.
fn is_full(error: &object_store::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return matches!(
                error.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
            );
        }
        // `object_store` keeps the type that has the status to itself. This is its wording, which a test holds.
        if error.to_string().contains("status code: 507 ") {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::{Read, Write},
        net::TcpListener,
        thread,
    };

    use object_store::{ObjectStoreExt, RetryConfig, aws::AmazonS3Builder, path::Path};

    use super::*;

    fn failed(source: io::Error) -> BlobError {
        object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(source) }.into()
    }

    #[test]
    fn a_full_disk_is_told_from_one_that_is_away() {
        let full = fs::write("/dev/full", "x").unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        assert_eq!(failed(full).kind(), ErrorKind::StorageFull);
        assert_eq!(failed(io::ErrorKind::QuotaExceeded.into()).kind(), ErrorKind::StorageFull);
        assert_eq!(failed(io::ErrorKind::PermissionDenied.into()).kind(), ErrorKind::Unavailable);
    }

    #[tokio::test]
    async fn a_bucket_without_room_is_full_too() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let bucket = thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            assert!(connection.read(&mut [0; 4096]).unwrap() > 0);
            let answer = "HTTP/1.1 507 Insufficient Storage\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            connection.write_all(answer.as_bytes()).unwrap();
        });
        let s3 = AmazonS3Builder::new()
            .with_endpoint(endpoint)
            .with_allow_http(true)
            .with_bucket_name("recordings")
            .with_access_key_id("id")
            .with_secret_access_key("secret")
            .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
            .build()
            .unwrap();
        let refused: BlobError = s3.put(&Path::from("media/1"), "1".into()).await.unwrap_err().into();
        bucket.join().unwrap();
        assert!(matches!(refused, BlobError::Full(_)), "{refused:?}");
    }
}
