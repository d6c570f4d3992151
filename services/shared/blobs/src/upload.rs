//! An object on its way in: hashed while it streams, in constant memory, whole or absent.

use bytes::Bytes;
use object_store::{MultipartUpload, WriteMultipart};
use sha2::{Digest, Sha256};

use crate::BlobError;

/// A part; with S3's limit of 10,000 parts it allows objects of 80 GB.
const PART_BYTES: usize = 8 << 20;
/// Parts in flight beside the one being filled.
const PARTS_IN_FLIGHT: usize = 1;

/// Dropped unfinished, it leaves nothing under its key.
#[derive(Debug)]
pub struct Upload {
    writer: WriteMultipart,
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
    pub(crate) fn new(parts: Box<dyn MultipartUpload>) -> Self {
        Self { writer: WriteMultipart::new_with_chunk_size(parts, PART_BYTES), hash: Sha256::new(), bytes: 0 }
    }

    /// Takes the next bytes; waits while earlier parts are still being written.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.writer.wait_for_capacity(PARTS_IN_FLIGHT).await?;
        self.hash.update(&bytes);
        self.bytes += bytes.len() as u64;
        self.writer.put(bytes);
        Ok(())
    }

    /// Bytes taken so far.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes the object appear.
    pub async fn finish(self) -> Result<Stored, BlobError> {
        self.writer.finish().await?;
        Ok(Stored { bytes: self.bytes, sha256: self.hash.finalize().into() })
    }

    /// Throws away what was taken.
    pub async fn abort(self) -> Result<(), BlobError> {
        Ok(self.writer.abort().await?)
    }
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
}
