//! Brings a recording from object storage into a file without a name, which disappears with its last reader.

use std::{fs::File, io};

use escriba_blobs::{BlobError, BlobStore, ObjectKey, ParseKeyError};
use futures_util::TryStreamExt;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error(transparent)]
    Key(#[from] ParseKeyError),
    #[error(transparent)]
    Storage(#[from] BlobError),
    #[error("the recording cannot be kept on this machine: {0}")]
    Local(#[from] io::Error),
}

pub(crate) async fn fetch_media(blobs: &BlobStore, key: &str) -> Result<File, FetchError> {
    let key: ObjectKey = key.parse()?;
    let mut bytes = std::pin::pin!(blobs.get(key).await?);
    let mut file = tokio::fs::File::from_std(tempfile::tempfile()?);
    while let Some(piece) = bytes.try_next().await? {
        file.write_all(&piece).await?;
    }
    file.flush().await?;
    file.rewind().await?;
    Ok(file.into_std().await)
}
