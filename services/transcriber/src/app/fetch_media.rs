//! Brings from object storage what a chunk is made of: a recording into a file without a name, which disappears with
//! its last reader, or the speech of a part.

use std::{fs::File, io};

use escriba_blobs::{BlobError, BlobStore, ObjectKey, ParseKeyError};
use escriba_domain::ParseIdError;
use futures_util::TryStreamExt;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

use crate::speech::stored::{self, StoredWindow};

#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("the gateway names nothing to work on")]
    NoSource,
    #[error(transparent)]
    Key(#[from] ParseKeyError),
    #[error(transparent)]
    Id(#[from] ParseIdError),
    #[error("stored speech cannot be read: {0}")]
    Garbled(#[from] prost::DecodeError),
    #[error(transparent)]
    Storage(#[from] BlobError),
    #[error("the recording cannot be kept on this machine: {0}")]
    Local(#[from] io::Error),
    #[error("the attempt was given up")]
    GivenUp,
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

pub(crate) async fn fetch_speech(blobs: &BlobStore, key: &str) -> Result<Vec<StoredWindow>, FetchError> {
    let key: ObjectKey = key.parse()?;
    let mut bytes = std::pin::pin!(blobs.get(key).await?);
    let mut whole = Vec::new();
    while let Some(piece) = bytes.try_next().await? {
        whole.extend_from_slice(&piece);
    }
    Ok(stored::from_bytes(&whole)?)
}
