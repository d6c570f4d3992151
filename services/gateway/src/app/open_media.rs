//! Gives back the recording of a job, whole or in part, as it was sent. It streams, whatever its size.

use std::ops::Range;

use bytes::Bytes;
use escriba_blobs::{BlobError, ObjectKey};
use escriba_database::{
    DatabaseError,
    media::{self, Media},
};
use escriba_domain::{ErrorKind, JobId, WorkspaceId};
use futures_util::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};

use super::App;

/// What a file says of itself lies within this.
const HEAD_BYTES: u64 = 8 << 10;
/// What a browser saves, and shows in no way.
const UNKNOWN: &str = "application/octet-stream";

#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    #[error("There is no job {0}.")]
    NotFound(JobId),
    #[error("The recording has been deleted, as this workspace asks for. Its transcript is still there.")]
    Deleted,
    #[error("The recording is not in storage any more. Ask whoever runs this server.")]
    Missing(#[source] BlobError),
    #[error(transparent)]
    Storage(BlobError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl MediaError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) | Self::Deleted | Self::Missing(_) => ErrorKind::NotFound,
            Self::Storage(error) => error.kind(),
            Self::Database(error) => error.kind(),
        }
    }
}

impl From<BlobError> for MediaError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::NotFound(_) => Self::Missing(error),
            other => Self::Storage(other),
        }
    }
}

pub type MediaBytes = BoxStream<'static, Result<Bytes, BlobError>>;

/// The recording of a job, if it is kept.
pub async fn find_media(app: &App, workspace: WorkspaceId, job: JobId) -> Result<Media, MediaError> {
    let (media, deleted_at) = media::of_job(&app.db, workspace, job).await?.ok_or(MediaError::NotFound(job))?;
    if deleted_at.is_some() { Err(MediaError::Deleted) } else { Ok(media) }
}

/// The bytes of a recording that lie in the range.
pub async fn read_media(app: &App, media: &Media, range: Range<u64>) -> Result<MediaBytes, MediaError> {
    // A store refuses an empty range, and an empty recording has no other.
    if range.is_empty() {
        return Ok(stream::empty().boxed());
    }
    let key = ObjectKey::Media { workspace: media.workspace, media: media.id };
    Ok(app.blobs.get_range(key, range).await?.boxed())
}

/// What the recording may be called towards a browser: sound or video, as its sender said or as its first bytes tell,
/// and never anything that a browser would run.
pub async fn content_type(app: &App, media: &Media) -> Result<String, MediaError> {
    if let Some(told) = media.content_type.as_deref().and_then(played) {
        return Ok(told);
    }
    let head = read_media(app, media, 0..media.size_bytes.min(HEAD_BYTES)).await?;
    let head: Vec<Bytes> = head.try_collect().await?;
    let found = infer::get(&head.concat()).and_then(|kind| played(kind.mime_type()));
    Ok(found.unwrap_or_else(|| UNKNOWN.to_owned()))
}

/// A content type without its parameters, if it is one of sound or video.
fn played(content_type: &str) -> Option<String> {
    let essence = content_type.split(';').next()?.trim().to_ascii_lowercase();
    let (kind, name) = essence.split_once('/')?;
    let is_token = |c: u8| c.is_ascii_alphanumeric() || b".+-_".contains(&c);
    (matches!(kind, "audio" | "video") && !name.is_empty() && name.bytes().all(is_token)).then_some(essence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sound_and_video_keep_their_names() {
        assert_eq!(played("Audio/MPEG; charset=x").as_deref(), Some("audio/mpeg"));
        assert_eq!(played("video/x-matroska").as_deref(), Some("video/x-matroska"));
        for other in ["text/html", "image/svg+xml", "application/octet-stream", "audio", "audio/", "audio/a\r\nb", ""] {
            assert_eq!(played(other), None, "{other}");
        }
    }
}
