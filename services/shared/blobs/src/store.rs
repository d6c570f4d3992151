//! The store behind a URL.

use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use object_store::{ObjectStore, ObjectStoreExt, aws::AmazonS3Builder, local::LocalFileSystem, path::Path};

use crate::{BlobError, ObjectKey, Upload};

/// A place for objects. Cloning shares it.
#[derive(Debug, Clone)]
pub struct BlobStore {
    store: Arc<dyn ObjectStore>,
}

impl BlobStore {
    /// Opens `file:///absolute/folder`, made when missing, or `s3://bucket`, whose credentials, region and endpoint
    /// come from the usual `AWS_*` variables.
    pub fn open(url: &str) -> Result<Self, BlobError> {
        let store: Arc<dyn ObjectStore> = if let Some(folder) = url.strip_prefix("file://") {
            Arc::new(open_folder(PathBuf::from(folder))?)
        } else if url.starts_with("s3://") {
            let s3 = AmazonS3Builder::from_env().with_url(url).build();
            Arc::new(s3.map_err(|error| BlobError::Url(error.to_string()))?)
        } else {
            return Err(BlobError::Url("it must start with file:// or s3://".to_owned()));
        };
        Ok(Self { store })
    }

    /// Begins an object that appears under `key` once it is finished.
    pub async fn upload(&self, key: ObjectKey) -> Result<Upload, BlobError> {
        let parts = self.store.put_multipart(&path(key)).await?;
        Ok(Upload::new(parts))
    }

    /// The object's bytes, piece by piece.
    pub async fn get(
        &self,
        key: ObjectKey,
    ) -> Result<impl Stream<Item = Result<Bytes, BlobError>> + Send + use<>, BlobError> {
        let found = self.store.get(&path(key)).await?;
        Ok(found.into_stream().map_err(BlobError::from))
    }

    /// Deletes the object; one that is not there is no error.
    pub async fn delete(&self, key: ObjectKey) -> Result<(), BlobError> {
        match self.store.delete(&path(key)).await.map_err(BlobError::from) {
            Err(BlobError::NotFound(_)) => Ok(()),
            other => other,
        }
    }

    /// An answer proves that the store answers.
    pub async fn ping(&self) -> Result<(), BlobError> {
        match self.store.list(Some(&Path::from("ping"))).next().await {
            Some(Err(error)) => Err(error.into()),
            _ => Ok(()),
        }
    }
}

fn open_folder(folder: PathBuf) -> Result<LocalFileSystem, BlobError> {
    if !folder.is_absolute() {
        return Err(BlobError::Url(format!("`{}` is not an absolute path", folder.display())));
    }
    std::fs::create_dir_all(&folder)
        .map_err(|error| BlobError::Url(format!("the folder {} cannot be made: {error}", folder.display())))?;
    let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| BlobError::Url(error.to_string()))?;
    Ok(store.with_fsync(true))
}

fn path(key: ObjectKey) -> Path {
    Path::from(key.to_string())
}
