//! No room left in storage. A test that filled a disk would need the right to mount one; a limit on the size of files
//! makes the kernel refuse the same write, and needs no right at all. It holds for a whole process, so the test runs
//! itself again as a child under such a limit.

use std::{
    env, fs,
    process::{Command, Stdio},
};

use bytes::Bytes;
use escriba_blobs::{BlobError, BlobStore, ObjectKey, Upload};
use escriba_domain::{ErrorKind, MediaId, WorkspaceId};

const FOLDER: &str = "TEST_FOLDER_UNDER_LIMIT";
/// In `ulimit`'s unit of 512 or 1,024 bytes: 8 MiB at most.
const LIMIT: &str = "8192";
const BYTES: usize = 12 << 20;

#[tokio::test]
async fn a_full_disk_is_said_to_be_full_and_nothing_is_left_on_it() {
    if let Some(folder) = env::var_os(FOLDER) {
        return fill(folder.to_str().unwrap()).await;
    }
    let folder = tempfile::tempdir().unwrap();
    // Ignored, the signal becomes an error of the write.
    let script = format!("trap '' XFSZ; ulimit -f {LIMIT}; exec \"$0\" --exact --nocapture \"$1\"");
    let test = "full::a_full_disk_is_said_to_be_full_and_nothing_is_left_on_it";
    let child = Command::new("sh")
        .args(["-c", &script, env::current_exe().unwrap().to_str().unwrap(), test])
        .env(FOLDER, folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&child.stderr));
}

async fn fill(folder: &str) {
    let store = BlobStore::open(&format!("file://{folder}")).unwrap();
    let workspace = WorkspaceId::new();
    let begin = async || store.upload(ObjectKey::Media { workspace, media: MediaId::new() }).await.unwrap();
    let is_empty = || fs::read_dir(format!("{folder}/media/{workspace}")).unwrap().next().is_none();

    let mut at_the_end = begin().await;
    at_the_end.write(Bytes::from(vec![1; BYTES])).await.unwrap();
    is_full(&at_the_end.finish().await.unwrap_err());
    assert!(is_empty());

    let mut in_between = begin().await;
    is_full(&write_until_refused(&mut in_between).await);
    assert!(is_empty());
    // Whoever goes on all the same gets no object with a hole in it.
    assert!(matches!(in_between.write(Bytes::from_static(b"more")).await, Err(BlobError::Broken)));
    assert!(matches!(in_between.finish().await, Err(BlobError::Broken)));
    assert!(is_empty());

    let mut aborted = begin().await;
    is_full(&write_until_refused(&mut aborted).await);
    aborted.abort().await.unwrap();
    assert!(is_empty());

    let mut small = begin().await;
    small.write(Bytes::from_static(b"there is room for this")).await.unwrap();
    small.finish().await.unwrap();
}

async fn write_until_refused(upload: &mut Upload) -> BlobError {
    for _ in 0..BYTES {
        if let Err(error) = upload.write(Bytes::from(vec![1; 1 << 20])).await {
            return error;
        }
    }
    panic!("all was taken");
}

fn is_full(error: &BlobError) {
    assert!(matches!(error, BlobError::Full(_)), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::StorageFull);
}
