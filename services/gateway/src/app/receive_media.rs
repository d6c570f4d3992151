//! Takes a recording into object storage while it arrives, in constant memory.

use bytes::Bytes;
use escriba_blobs::{BlobError, ObjectKey, Upload};
use escriba_database::media::Media;
use escriba_domain::{ErrorKind, MediaId, WorkspaceId};
use futures_util::{Stream, StreamExt};
use sha2::{Digest, Sha256};

use super::{
    App,
    room::{RoomError, upload_limit},
};

const MAX_FILE_NAME_CHARS: usize = 255;

#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    #[error(transparent)]
    Room(#[from] RoomError),
    #[error("The upload broke off: {0}. Send it again.")]
    BrokenOff(String),
    #[error(transparent)]
    Storage(#[from] BlobError),
}

impl ReceiveError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Room(error) => error.kind(),
            Self::BrokenOff(_) => ErrorKind::Invalid,
            Self::Storage(error) => error.kind(),
        }
    }
}

/// Stores the bytes under a new id. Nothing stays behind when it fails.
pub async fn receive_media<E: std::fmt::Display>(
    app: &App,
    workspace: WorkspaceId,
    file_name: Option<&str>,
    content_type: Option<&str>,
    bytes: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> Result<Media, ReceiveError> {
    let limit = upload_limit(app, workspace).await.map_err(RoomError::from)?;
    let id = MediaId::new();
    let mut upload = app.blobs.upload(ObjectKey::Media { workspace, media: id }).await?;
    if let Err(error) = take_all(&mut upload, bytes, limit).await {
        upload.abort().await.ok();
        return Err(error);
    }
    let stored = upload.finish().await?;
    metrics::counter!("escriba_upload_bytes_total").increment(stored.bytes);
    Ok(Media {
        id,
        workspace,
        file_name: display_name(file_name),
        content_type: content_type.map(str::to_owned),
        size_bytes: stored.bytes,
        sha256: stored.sha256,
    })
}

async fn take_all<E: std::fmt::Display>(
    upload: &mut Upload,
    mut bytes: impl Stream<Item = Result<Bytes, E>> + Unpin,
    limit: u64,
) -> Result<(), ReceiveError> {
    while let Some(piece) = bytes.next().await {
        let piece = piece.map_err(|error| ReceiveError::BrokenOff(error.to_string()))?;
        if upload.bytes() + piece.len() as u64 > limit {
            return Err(RoomError::TooLarge { limit }.into());
        }
        upload.write(piece).await?;
    }
    Ok(())
}

/// Reads the bytes for their hash alone, and keeps none of them.
pub async fn weigh_media<E: std::fmt::Display>(
    app: &App,
    mut bytes: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> Result<[u8; 32], ReceiveError> {
    let limit = app.max_upload_bytes;
    let (mut hash, mut read) = (Sha256::new(), 0);
    while let Some(piece) = bytes.next().await {
        let piece = piece.map_err(|error| ReceiveError::BrokenOff(error.to_string()))?;
        read += piece.len() as u64;
        if read > limit {
            return Err(RoomError::TooLarge { limit }.into());
        }
        hash.update(&piece);
    }
    Ok(hash.finalize().into())
}

/// Forgets a recording that no job came to need.
pub async fn discard_media(app: &App, media: &Media) {
    let key = ObjectKey::Media { workspace: media.workspace, media: media.id };
    if let Err(error) = app.blobs.delete(key).await {
        tracing::warn!(%error, %key, "an upload without a job was left in storage");
    }
}

/// The last part of the sender's path, fit to be shown: no control characters, not endless, never empty.
pub(super) fn display_name(name: Option<&str>) -> String {
    let name = name.unwrap_or_default();
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|c| !c.is_control()).take(MAX_FILE_NAME_CHARS).collect();
    let clean = clean.trim();
    if clean.is_empty() { "recording".to_owned() } else { clean.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_for_people_only() {
        assert_eq!(display_name(Some("C:\\calls\\Ünterview 1.mp3")), "Ünterview 1.mp3");
        assert_eq!(display_name(Some("../../etc/passwd")), "passwd");
        assert_eq!(display_name(Some("a\r\nSet-Cookie: x")), "aSet-Cookie: x");
        assert_eq!(display_name(Some("../")), "recording");
        assert_eq!(display_name(None), "recording");
        assert_eq!(display_name(Some(&"x".repeat(4000))).len(), MAX_FILE_NAME_CHARS);
    }
}
