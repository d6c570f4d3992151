//! An object on its way in: hashed while it streams, in constant memory, whole or absent.
//!
//! It does what `object_store::WriteMultipart` does, and two things more. That one can be finished after a part of it
//! was refused, which makes an object with a hole; and when the last step fails it hides why, and leaves the file.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use object_store::{MultipartUpload, PutPayloadMut};
use sha2::{Digest, Sha256};
use tokio::task::{JoinSet, spawn_blocking};

use crate::BlobError;

/// A part; with S3's limit of 10,000 parts it allows objects of 80 GB.
const PART_BYTES: usize = 8 << 20;

/// Dropped unfinished, it leaves nothing under its key. A call that failed, or was given up, is its end.
#[derive(Debug)]
pub struct Upload {
    /// `None` once it has failed.
    parts: Option<Box<dyn MultipartUpload>>,
    /// The part that is being filled.
    filling: PutPayloadMut,
    /// The part that is being stored, one at most.
    storing: JoinSet<object_store::Result<()>>,
    /// Where the object will lie, if the store is a folder.
    file: Option<PathBuf>,
    hash: Sha256,
    bytes: u64,
}

/// What was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    pub bytes: u64,
    pub sha256: [u8; 32],
}

impl Upload {
    pub(crate) fn new(parts: Box<dyn MultipartUpload>, file: Option<PathBuf>) -> Self {
        Self {
            parts: Some(parts),
            filling: PutPayloadMut::new(),
            storing: JoinSet::new(),
            file,
            hash: Sha256::new(),
            bytes: 0,
        }
    }

    /// Takes the next bytes; waits while the part before is still being written.
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<(), BlobError> {
        if self.parts.is_none() {
            return Err(BlobError::Broken);
        }
        while !bytes.is_empty() {
            let room = PART_BYTES - self.filling.content_length();
            let piece = bytes.split_to(room.min(bytes.len()));
            self.hash.update(&piece);
            self.bytes += piece.len() as u64;
            self.filling.push(piece);
            if self.filling.content_length() == PART_BYTES {
                self.store_part().await?;
            }
        }
        Ok(())
    }

    /// Bytes taken so far.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes the object appear.
    pub async fn finish(mut self) -> Result<Stored, BlobError> {
        if !self.filling.is_empty() {
            self.store_part().await?;
        }
        self.settle().await?;
        let Some(mut parts) = self.parts.take() else {
            return Err(BlobError::Broken);
        };
        if let Err(error) = parts.complete().await {
            parts.abort().await.ok();
            // `object_store` forgets its file when this step fails, which is when room is needed most.
            let (file, bytes) = (self.file.take(), self.bytes);
            spawn_blocking(move || remove_staged(&file?, bytes)).await.ok();
            return Err(error.into());
        }
        Ok(Stored { bytes: self.bytes, sha256: self.hash.finalize().into() })
    }

    /// Throws away what was taken.
    pub async fn abort(mut self) -> Result<(), BlobError> {
        self.storing.shutdown().await;
        match self.parts.take() {
            Some(mut parts) => Ok(parts.abort().await?),
            None => Ok(()),
        }
    }

    async fn store_part(&mut self) -> Result<(), BlobError> {
        self.settle().await?;
        let part = std::mem::take(&mut self.filling).freeze();
        let parts = self.parts.as_mut().ok_or(BlobError::Broken)?;
        self.storing.spawn(parts.put_part(part));
        Ok(())
    }

    /// Waits for the part that is being stored. When that fails, so has the upload, and nothing of it is kept.
    async fn settle(&mut self) -> Result<(), BlobError> {
        while let Some(stored) = self.storing.join_next().await {
            let stored = stored.map_err(object_store::Error::from).and_then(|stored| stored);
            if let Err(error) = stored {
                if let Some(mut parts) = self.parts.take() {
                    parts.abort().await.ok();
                }
                return Err(error.into());
            }
        }
        Ok(())
    }
}

/// Removes the files of this length that would have become `file`. Another upload of the same key has a file of its own
/// beside it; at worst that one fails too, and is tried again. What cannot be removed is left to the sweep.
fn remove_staged(file: &Path, bytes: u64) -> Option<()> {
    let prefix = format!("{}#", file.file_name().and_then(OsStr::to_str)?);
    for entry in fs::read_dir(file.parent()?).ok()?.flatten() {
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix));
        if ours && entry.metadata().is_ok_and(|metadata| metadata.len() == bytes) {
            fs::remove_file(entry.path()).ok();
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use escriba_domain::{MediaId, WorkspaceId};
    use futures_util::TryStreamExt;

    use super::*;
    use crate::{BlobStore, ObjectKey};

    fn store(folder: &tempfile::TempDir) -> BlobStore {
        BlobStore::open(&format!("file://{}", folder.path().display())).unwrap()
    }

    fn key() -> ObjectKey {
        ObjectKey::Media { workspace: WorkspaceId::new(), media: MediaId::new() }
    }

    #[tokio::test]
    async fn bytes_come_back_and_their_hash_is_right() {
        let folder = tempfile::tempdir().unwrap();
        let (store, key) = (store(&folder), key());
        let mut upload = store.upload(key).await.unwrap();
        for _ in 0..20 {
            upload.write(Bytes::from(vec![7; 1 << 20])).await.unwrap();
        }
        let stored = upload.finish().await.unwrap();
        let back: Vec<Bytes> = store.get(key).await.unwrap().try_collect().await.unwrap();
        assert_eq!(stored.bytes, 20 << 20);
        assert_eq!(stored.sha256, <[u8; 32]>::from(Sha256::digest(back.concat())));
        store.delete(key).await.unwrap();
        assert!(matches!(store.get(key).await.map(|_| ()), Err(BlobError::NotFound(_))));
    }

    #[tokio::test]
    async fn an_empty_upload_is_an_object() {
        let folder = tempfile::tempdir().unwrap();
        let (store, key) = (store(&folder), key());
        let stored = store.upload(key).await.unwrap().finish().await.unwrap();
        assert_eq!(stored.bytes, 0);
        assert!(store.get(key).await.is_ok());
    }

    #[tokio::test]
    async fn an_aborted_upload_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (store, key) = (store(&folder), key());
        let mut upload = store.upload(key).await.unwrap();
        upload.write(Bytes::from(vec![1; 10 << 20])).await.unwrap();
        upload.abort().await.unwrap();
        assert!(matches!(store.get(key).await.map(|_| ()), Err(BlobError::NotFound(_))));
    }

    #[tokio::test]
    async fn an_upload_that_cannot_take_its_place_leaves_nothing_and_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let (store, key) = (store(&folder), key());
        let place = folder.path().join(key.to_string());
        fs::create_dir_all(place.join("in the way")).unwrap();
        let mut upload = store.upload(key).await.unwrap();
        upload.write(Bytes::from(vec![1; 10 << 20])).await.unwrap();
        let Err(BlobError::Unavailable(error)) = upload.finish().await else { panic!("it must fail") };
        assert!(format!("{error:?}").contains("UnableToRenameFile"), "{error:?}");
        let left: Vec<_> = fs::read_dir(place.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(left, [place]);
    }
}
