//! Takes a recording into object storage from where its sender says it is. The sender waits: a job has its recording
//! from the start.

use bytes::{Bytes, BytesMut};
use escriba_database::media::Media;
use escriba_domain::{ErrorKind, WorkspaceId};
use futures_util::{StreamExt, stream};
use infer::MatcherType;

use super::{
    App,
    receive_media::{ReceiveError, receive_media},
    room::{RoomError, look_for_room, upload_limit},
};
use crate::clients::remote::{RemoteBytes, RemoteError};

/// So much of a recording tells what it is.
const HEAD_BYTES: usize = 4 << 10;

#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    Remote(RemoteError),
    #[error(
        "What `media_url` leads to is {found}, not a recording. It must lead to the file itself, not to a page that \
         shows it."
    )]
    NotMedia { found: String },
    #[error("The recording could not be fetched to its end: {0}. Send the request again.")]
    BrokenOff(String),
    #[error(transparent)]
    Room(#[from] RoomError),
    #[error(transparent)]
    Receive(ReceiveError),
}

impl ImportError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Remote(_) | Self::NotMedia { .. } | Self::BrokenOff(_) => ErrorKind::Invalid,
            Self::Room(error) => error.kind(),
            Self::Receive(error) => error.kind(),
        }
    }
}

/// Fetches the recording and stores it under a new id. Nothing stays behind when it fails.
pub async fn import_media(app: &App, workspace: WorkspaceId, url: &str) -> Result<Media, ImportError> {
    look_for_room(app, workspace, None).await?;
    let mut file = app.remote.open(url).await.map_err(ImportError::Remote)?;
    let limit = upload_limit(app, workspace).await.map_err(RoomError::from)?;
    if file.length.is_some_and(|length| length > limit) {
        return Err(RoomError::TooLarge { limit }.into());
    }
    let head = read_head(&mut file.bytes).await?;
    if let Some(found) = what_else(&head) {
        return Err(ImportError::NotMedia { found });
    }
    let whole = stream::iter([Ok(head)]).chain(file.bytes);
    let received = receive_media(app, workspace, file.name.as_deref(), file.content_type.as_deref(), whole).await;
    received.map_err(|error| match error {
        ReceiveError::BrokenOff(why) => ImportError::BrokenOff(why),
        other => ImportError::Receive(other),
    })
}

async fn read_head(bytes: &mut RemoteBytes) -> Result<Bytes, ImportError> {
    let mut head = BytesMut::new();
    while head.len() < HEAD_BYTES {
        let Some(piece) = bytes.next().await else { break };
        head.extend_from_slice(&piece.map_err(|error| ImportError::BrokenOff(error.to_string()))?);
    }
    Ok(head.freeze())
}

/// What this is if it is surely no recording. Whether the rest can be played is the transcriber's to find out.
fn what_else(bytes: &[u8]) -> Option<String> {
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    if head.is_empty() {
        return Some("empty".to_owned());
    }
    match infer::get(head) {
        Some(kind) if matches!(kind.matcher_type(), MatcherType::Audio | MatcherType::Video) => return None,
        // Its rules for these look at few bytes, and recordings of rare kinds meet some of them.
        Some(kind) if matches!(kind.matcher_type(), MatcherType::Custom | MatcherType::App) => {}
        Some(kind) if kind.mime_type() == "text/html" => return Some("a web page".to_owned()),
        Some(kind) => return Some(format!("a file of the kind `{}`", kind.mime_type())),
        None => {}
    }
    // Recordings of speech research begin with a page of text.
    (is_text(head) && !head.starts_with(b"NIST_1A")).then(|| "text".to_owned())
}

/// Text has no control characters but those that lay it out.
fn is_text(head: &[u8]) -> bool {
    // The head may end in the middle of a character.
    let whole = head.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    whole.len() + 4 > head.len() && !whole.chars().any(|c| c.is_control() && !"\t\n\r\u{c}\u{1b}".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_pictures_and_text_are_no_recordings() {
        let others: [(&[u8], &str); 8] = [
            (b"<!DOCTYPE html><html><body>Sign in</body></html>", "a web page"),
            (b"  \n<html><head>", "a web page"),
            (b"{\"error\":\"not found\"}", "text"),
            ("Niño: ¿qué tal?".as_bytes(), "text"),
            (b"%PDF-1.7\n\xe2\xe3", "application/pdf"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
            (b"PK\x03\x04\x14\0\0\0\x08\0", "application/zip"),
            (b"", "empty"),
        ];
        for (bytes, says) in others {
            let found = what_else(bytes);
            assert!(found.as_ref().is_some_and(|found| found.contains(says)), "{found:?} for {says}");
        }
    }

    #[test]
    fn recordings_and_what_nobody_knows_are_taken() {
        let nist = [b"NIST_1A\n   1024\nchannel_count -i 1\n".as_slice(), &[b' '; 900]].concat();
        let recordings: [&[u8]; 9] = [
            b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0",
            b"ID3\x04\0\0\0\0\0\0",
            b"\xff\xfb\x90\x64\0\0",
            b"fLaC\0\0\0\x22",
            b"OggS\0\x02\0\0",
            b"\0\0\0\x20ftypM4A \0\0\0\0",
            b"\x1a\x45\xdf\xa3\x01\0\0\0",
            b"\x07\x00\x13 raw telephone samples \x80\xff",
            &nist,
        ];
        for recording in recordings {
            assert_eq!(what_else(recording), None, "{recording:?}");
        }
    }
}
