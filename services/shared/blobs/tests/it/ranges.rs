//! Parts of an object, as a player asks for them.

use std::ops::Range;

use bytes::Bytes;
use escriba_blobs::{BlobError, BlobStore, ObjectKey};
use escriba_domain::{MediaId, WorkspaceId};
use futures_util::TryStreamExt;

async fn part(store: &BlobStore, key: ObjectKey, range: Range<u64>) -> Vec<u8> {
    let pieces: Vec<Bytes> = store.get_range(key, range).await.unwrap().try_collect().await.unwrap();
    pieces.concat()
}

#[tokio::test]
async fn any_part_of_an_object_comes_back_and_no_byte_more() {
    let folder = tempfile::tempdir().unwrap();
    let store = BlobStore::open(&format!("file://{}", folder.path().display())).unwrap();
    let key = ObjectKey::Media { workspace: WorkspaceId::new(), media: MediaId::new() };
    let whole: Vec<u8> = (0..3_000_000_u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let mut upload = store.upload(key).await.unwrap();
    upload.write(Bytes::from(whole.clone())).await.unwrap();
    upload.finish().await.unwrap();
    assert_eq!(store.size(key).await.unwrap(), Some(3_000_000));
    for range in [0..1, 0..3_000_000, 7..8, 1_234_567..2_345_678, 2_999_999..3_000_000] {
        let expected = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        assert_eq!(part(&store, key, range.clone()).await, whole[expected], "{range:?}");
    }
}

#[tokio::test]
async fn there_is_no_part_of_what_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let store = BlobStore::open(&format!("file://{}", folder.path().display())).unwrap();
    let key = ObjectKey::Media { workspace: WorkspaceId::new(), media: MediaId::new() };
    assert!(matches!(store.get_range(key, 0..1).await.map(|_| ()), Err(BlobError::NotFound(_))));
    assert_eq!(store.size(key).await.unwrap(), None);
}
