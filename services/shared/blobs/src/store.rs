//! The store behind a URL.

use std::{ops::Range, path::PathBuf, sync::Arc};

use bytes::Bytes;
use futures_util::{
    Stream, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use object_store::{
    GetOptions, GetRange, ObjectStore, ObjectStoreExt, aws::AmazonS3Builder, local::LocalFileSystem, path::Path,
};
use tokio::{sync::mpsc, task::spawn_blocking};

use crate::{
    BlobError, Leftover, Listed, ObjectKey, Upload,
    folder::{check_room, discard, look_through},
    key::FOLDERS,
};

/// Findings of a listing that wait for whoever asked.
const LISTED_AHEAD: usize = 256;

/// A place for objects. Cloning shares it.
#[derive(Debug, Clone)]
pub struct BlobStore {
    store: Arc<dyn ObjectStore>,
    /// Where the objects lie as files, if they do.
    folder: Option<Arc<PathBuf>>,
}

impl BlobStore {
    /// Opens `file:///absolute/folder`, made when missing, or `s3://bucket`, whose credentials, region and endpoint
    /// come from the usual `AWS_*` variables.
    pub fn open(url: &str) -> Result<Self, BlobError> {
        if let Some(folder) = url.strip_prefix("file://") {
            let folder = PathBuf::from(folder);
            let store = Arc::new(open_folder(&folder)?);
            return Ok(Self { store, folder: Some(Arc::new(folder)) });
        }
        if !url.starts_with("s3://") {
            return Err(BlobError::Url("it must start with file:// or s3://".to_owned()));
        }
        let s3 = AmazonS3Builder::from_env().with_url(url).build();
        Ok(Self { store: Arc::new(s3.map_err(|error| BlobError::Url(error.to_string()))?), folder: None })
    }

    /// Begins an object that appears under `key` once it is finished.
    pub async fn upload(&self, key: ObjectKey) -> Result<Upload, BlobError> {
        let parts = self.store.put_multipart(&path(key)).await?;
        let file = self.folder.as_ref().map(|folder| folder.join(key.to_string()));
        Ok(Upload::new(parts, file))
    }

    /// Stores an object that lies in memory. It appears whole, and stays when the power goes.
    pub async fn put(&self, key: ObjectKey, pieces: Vec<Bytes>) -> Result<(), BlobError> {
        self.store.put(&path(key), pieces.into_iter().collect()).await?;
        Ok(())
    }

    /// The object's bytes, piece by piece.
    pub async fn get(
        &self,
        key: ObjectKey,
    ) -> Result<impl Stream<Item = Result<Bytes, BlobError>> + Send + use<>, BlobError> {
        let found = self.store.get(&path(key)).await?;
        Ok(found.into_stream().map_err(BlobError::from))
    }

    /// Some of the object's bytes, piece by piece. The range holds at least one byte, and ends where the object does at
    /// the latest.
    pub async fn get_range(
        &self,
        key: ObjectKey,
        range: Range<u64>,
    ) -> Result<impl Stream<Item = Result<Bytes, BlobError>> + Send + use<>, BlobError> {
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let found = self.store.get_opts(&path(key), options).await?;
        Ok(found.into_stream().map_err(BlobError::from))
    }

    /// How many bytes the object has; `None` if it is not there.
    pub async fn size(&self, key: ObjectKey) -> Result<Option<u64>, BlobError> {
        match self.store.head(&path(key)).await.map_err(BlobError::from) {
            Ok(found) => Ok(Some(found.size)),
            Err(BlobError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Everything in the store that lies where keys of ours do, and the names of what lies beside it in a folder. What
    /// appears or goes away meanwhile may be told of or not.
    pub fn list(&self) -> BoxStream<'static, Result<Listed, BlobError>> {
        let Some(folder) = self.folder.clone() else {
            let parts = FOLDERS.map(|part| self.store.list(Some(&Path::from(part))));
            return stream::iter(parts).flatten().map_ok(Listed::from).map_err(BlobError::from).boxed();
        };
        let (findings, mut listed) = mpsc::channel(LISTED_AHEAD);
        spawn_blocking(move || look_through(&folder, &findings));
        stream::poll_fn(move |context| listed.poll_recv(context)).boxed()
    }

    /// Removes what a killed process left; what is gone already is no error. How old it must be is the caller's to
    /// judge: a young one may belong to an upload that is under way.
    pub async fn discard(&self, leftover: Leftover) -> Result<(), BlobError> {
        let discarded = spawn_blocking(move || discard(&leftover)).await;
        discarded.map_err(|error| BlobError::Unavailable(error.into()))?
    }

    /// Deletes the object; one that is not there is no error.
    pub async fn delete(&self, key: ObjectKey) -> Result<(), BlobError> {
        match self.store.delete(&path(key)).await.map_err(BlobError::from) {
            Err(BlobError::NotFound(_)) => Ok(()),
            other => other,
        }
    }

    /// An answer proves that the store answers and, if it is a folder, that there is room.
    pub async fn ping(&self) -> Result<(), BlobError> {
        if let Some(folder) = self.folder.clone() {
            let checked = spawn_blocking(move || check_room(&folder)).await;
            return checked.map_err(|error| BlobError::Unavailable(error.into()))?;
        }
        match self.store.list(Some(&Path::from("ping"))).next().await {
            Some(Err(error)) => Err(error.into()),
            _ => Ok(()),
        }
    }
}

fn open_folder(folder: &std::path::Path) -> Result<LocalFileSystem, BlobError> {
    if !folder.is_absolute() {
        return Err(BlobError::Url(format!("`{}` is not an absolute path", folder.display())));
    }
    std::fs::create_dir_all(folder)
        .map_err(|error| BlobError::Url(format!("the folder {} cannot be made: {error}", folder.display())))?;
    let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| BlobError::Url(error.to_string()))?;
    Ok(store.with_fsync(true))
}

fn path(key: ObjectKey) -> Path {
    Path::from(key.to_string())
}
