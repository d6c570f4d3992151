//! What a folder store tells of what lies in it, and what can be removed from it.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use escriba_blobs::{BlobStore, LeftoverKind, Listed, ObjectKey, Place};
use escriba_domain::{ChunkId, JobId, MediaId, WorkspaceId};
use futures_util::TryStreamExt;

fn store(folder: &Path) -> BlobStore {
    BlobStore::open(&format!("file://{}", folder.display())).unwrap()
}

async fn all(store: &BlobStore) -> Vec<Listed> {
    let mut all: Vec<Listed> = store.list().try_collect().await.unwrap();
    all.sort_by_key(|listed| format!("{:?}", listed.place));
    all
}

async fn put(store: &BlobStore, key: ObjectKey, bytes: &'static [u8]) {
    let mut upload = store.upload(key).await.unwrap();
    upload.write(Bytes::from_static(bytes)).await.unwrap();
    upload.finish().await.unwrap();
}

#[tokio::test]
async fn objects_are_listed_with_their_size_and_age() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    assert_eq!(all(&store).await, []);
    let workspace = WorkspaceId::new();
    let media = ObjectKey::Media { workspace, media: MediaId::new() };
    let windows = ObjectKey::Windows { workspace, job: JobId::new(), chunk: ChunkId::new() };
    put(&store, media, b"12345").await;
    put(&store, windows, b"").await;
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_hours(24);
    let file = fs::File::options().append(true).open(folder.path().join(media.to_string())).unwrap();
    file.set_modified(long_ago).unwrap();

    let all = all(&store).await;
    let [first, second] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((&first.place, first.bytes), (&Place::Object(media), 5));
    assert_eq!(first.last_modified, DateTime::<Utc>::from(long_ago));
    assert_eq!((&second.place, second.bytes), (&Place::Object(windows), 0));
    assert!(second.last_modified > DateTime::<Utc>::from(long_ago));
}

#[tokio::test]
async fn what_a_killed_process_left_is_found_and_can_be_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let key = ObjectKey::Media { workspace: WorkspaceId::new(), media: MediaId::new() };
    let mut upload = store.upload(key).await.unwrap();
    upload.write(Bytes::from(vec![1; 9 << 20])).await.unwrap();
    // Nothing is told of an upload's end when the process is killed.
    std::mem::forget(upload);
    let emptied = ObjectKey::Windows { workspace: WorkspaceId::new(), job: JobId::new(), chunk: ChunkId::new() };
    put(&store, emptied, b"1").await;
    store.delete(emptied).await.unwrap();

    let mut kinds = Vec::new();
    for listed in all(&store).await {
        let Place::Leftover(leftover) = listed.place else { panic!("{:?}", listed.place) };
        kinds.push(leftover.kind);
        store.discard(leftover.clone()).await.unwrap();
        store.discard(leftover).await.unwrap();
    }
    assert_eq!(kinds, [LeftoverKind::EmptyFolder, LeftoverKind::UnfinishedUpload]);
    // Folders above the ones that went are empty only now.
    for left in all(&store).await {
        assert!(matches!(&left.place, Place::Leftover(leftover) if leftover.kind == LeftoverKind::EmptyFolder));
    }
}

#[tokio::test]
async fn a_folder_that_is_in_use_again_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let workspace = WorkspaceId::new();
    let key = ObjectKey::Media { workspace, media: MediaId::new() };
    fs::create_dir_all(folder.path().join(format!("media/{workspace}"))).unwrap();
    let Place::Leftover(empty) = all(&store).await.remove(0).place else { panic!("the folder is empty") };
    put(&store, key, b"1").await;
    store.discard(empty).await.unwrap();
    assert_eq!(all(&store).await[0].place, Place::Object(key));
}

#[tokio::test]
async fn what_is_not_ours_is_named_and_never_gone_into() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let workspace = WorkspaceId::new();
    for path in ["lost+found/deep", "media/backup", "windows"] {
        fs::create_dir_all(folder.path().join(path)).unwrap();
    }
    let ours = folder.path().join(format!("media/{workspace}"));
    fs::create_dir_all(ours.join(MediaId::new().to_string())).unwrap();
    fs::write(ours.join("notes\n\u{7f}.txt"), "x").unwrap();
    fs::write(ours.join(format!("{}#1a", MediaId::new())), "x").unwrap();
    std::os::unix::fs::symlink("/etc/hostname", ours.join(MediaId::new().to_string())).unwrap();

    let all = all(&store).await;
    assert_eq!(all.len(), 6, "{all:?}");
    assert!(all.iter().all(|listed| matches!(listed.place, Place::Unknown(_))), "{all:?}");
    assert!(all.iter().any(|listed| listed.place == Place::Unknown("lost+found".to_owned())));
}

#[tokio::test]
async fn a_listing_that_nobody_reads_to_its_end_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let workspace = folder.path().join(format!("media/{}", WorkspaceId::new()));
    fs::create_dir_all(&workspace).unwrap();
    for _ in 0..2_000 {
        fs::write(workspace.join(MediaId::new().to_string()), "").unwrap();
    }
    assert!(store.list().try_next().await.unwrap().is_some());
    assert_eq!(all(&store).await.len(), 2_000);
}
