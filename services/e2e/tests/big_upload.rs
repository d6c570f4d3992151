//! An upload of any size goes through the gateway in constant memory, and arrives as it was sent.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use escriba_e2e::{Stack, stack::files_below};
use futures_util::stream;
use reqwest::Body;
use sha2::{Digest, Sha256};

const MIB: u64 = 1 << 20;
const UPLOAD: u64 = 1024 * MIB;
const MOST_MEMORY: u64 = 120 * MIB;

#[tokio::test]
async fn a_gigabyte_goes_through_in_constant_memory() {
    let stack = Stack::start().await;
    let hash = Arc::new(Mutex::new(Sha256::new()));
    let job = stack.client.stream("gigabyte.wav", noise(hash.clone()), UPLOAD).await;
    let memory = stack.gateway.peak_memory();
    assert!(memory < MOST_MEMORY, "the gateway used {} MiB", memory / MIB);

    let sent = hash.lock().unwrap().clone().finalize();
    assert_eq!(job["media"]["bytes"], UPLOAD);
    assert_eq!(job["media"]["sha256"], hex::encode(sent));
    let stored: Vec<_> = files_below(&stack.media_dir());
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].metadata().unwrap().len(), UPLOAD);

    stack.client.delete(job["id"].as_str().unwrap()).await;
    assert!(files_below(&stack.media_dir()).is_empty());
    stack.assert_nothing_is_left().await;
}

/// Bytes that are made as they are sent and counted into the hash. Every piece differs, so that a piece that is lost,
/// doubled or out of place shows.
fn noise(hash: Arc<Mutex<Sha256>>) -> Body {
    let mut piece: Vec<u8> = (0..MIB).map(|n| n.wrapping_mul(0x9e37_79b9).to_le_bytes()[3]).collect();
    let pieces = (0..UPLOAD / MIB).map(move |number| {
        piece[..8].copy_from_slice(&number.to_le_bytes());
        hash.lock().unwrap().update(&piece);
        Ok::<_, std::io::Error>(Bytes::copy_from_slice(&piece))
    });
    Body::wrap_stream(stream::iter(pieces))
}
