//! Gives back the recording of a job, whole or in part, as it was sent or as browsers play it. It streams, whatever its
//! size.

use std::ops::Range;

use bytes::Bytes;
use escriba_blobs::{BlobError, ObjectKey};
use escriba_database::{
    DatabaseError, jobs,
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

/// Which bytes are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rendering {
    /// The recording as it was sent.
    Original,
    /// What browsers play: a rendition, if there is one because they do not play the original.
    Playable,
}

/// Bytes of a recording in storage, and what they are.
#[derive(Debug)]
pub struct Source {
    key: ObjectKey,
    pub size_bytes: u64,
    /// Two that have the same are the same.
    pub tag: String,
    pub file_name: String,
    /// As it was told.
    content_type: Option<String>,
}

/// The recording of a job, if it is kept.
pub async fn find_source(
    app: &App,
    workspace: WorkspaceId,
    job: JobId,
    rendering: Rendering,
) -> Result<Source, MediaError> {
    let (media, deleted_at) = media::of_job(&app.db, workspace, job).await?.ok_or(MediaError::NotFound(job))?;
    if deleted_at.is_some() {
        return Err(MediaError::Deleted);
    }
    if rendering == Rendering::Playable
        && let Some(rendition) = find_rendition(app, workspace, job, &media).await?
    {
        return Ok(rendition);
    }
    Ok(Source {
        key: ObjectKey::Media { workspace, media: media.id },
        size_bytes: media.size_bytes,
        tag: hex::encode(media.sha256),
        file_name: media.file_name,
        content_type: media.content_type,
    })
}

async fn find_rendition(
    app: &App,
    workspace: WorkspaceId,
    job: JobId,
    media: &Media,
) -> Result<Option<Source>, MediaError> {
    // A job that does a span again has the recording of another, and its rendition.
    let found = jobs::find(&app.db, workspace, job).await?.ok_or(MediaError::NotFound(job))?;
    let key = ObjectKey::Rendition { workspace, job: found.redo.map_or(job, |redo| redo.of) };
    let size = app.blobs.size(key).await?;
    let stem = media.file_name.rsplit_once('.').map_or(media.file_name.as_str(), |(stem, _)| stem);
    Ok(size.map(|size_bytes| Source {
        key,
        size_bytes,
        tag: format!("{}-mp3", hex::encode(media.sha256)),
        file_name: format!("{stem}.mp3"),
        content_type: Some("audio/mpeg".to_owned()),
    }))
}

/// The bytes that lie in the range.
pub async fn read_source(app: &App, source: &Source, range: Range<u64>) -> Result<MediaBytes, MediaError> {
    // A store refuses an empty range, and an empty recording has no other.
    if range.is_empty() {
        return Ok(stream::empty().boxed());
    }
    Ok(app.blobs.get_range(source.key, range).await?.boxed())
}

/// What it may be called towards a browser: sound or video, as its sender said or as its first bytes tell, and never
/// anything that a browser would run.
pub async fn content_type(app: &App, source: &Source) -> Result<String, MediaError> {
    if let Some(told) = source.content_type.as_deref().and_then(played) {
        return Ok(told);
    }
    let head = read_source(app, source, 0..source.size_bytes.min(HEAD_BYTES)).await?;
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
