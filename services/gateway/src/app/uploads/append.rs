//! Takes in the next bytes of an upload. What came before a connection broke is kept, and a part that is noted is on
//! disk: the sender goes on from there, at any gateway.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use escriba_blobs::ObjectKey;
use escriba_database::{
    uploads::{self, Part, Upload, Writer},
    within_reason,
};
use escriba_domain::{PartId, UploadId, WorkspaceId};
use futures_util::{Stream, StreamExt};
use tokio::time::timeout;
use tracing::Instrument;

use super::{App, Checksum, KEPT_FOR, Plan, UploadError, delete::discard, find, finish::finish, hold::Held};

/// So much is held in memory before it is stored.
const PART_BYTES: usize = 8 << 20;
/// A connection that brings nothing for so long is given up: its sender may be on its way with another one.
const SILENCE: Duration = Duration::from_secs(20);

/// Bytes that are about to come, and where they belong.
#[derive(Debug, Clone)]
pub struct Append {
    pub workspace: WorkspaceId,
    pub upload: UploadId,
    /// The place of the first byte in the upload.
    pub offset: u64,
    /// With one, the bytes are taken whole or not at all.
    pub checksum: Option<Checksum>,
    /// What the upload becomes with its last byte.
    pub plan: Plan,
}

/// Takes the bytes, and says how the upload stands then. Once begun it goes on by itself: a sender that is gone has
/// the bytes that arrived stored, and the job made if they were the last.
pub async fn append(
    app: Arc<App>,
    append: Append,
    bytes: impl Stream<Item = io::Result<Bytes>> + Send + Unpin + 'static,
) -> Result<Upload, UploadError> {
    let (workspace, id) = (append.workspace, append.upload);
    let work = {
        let app = app.clone();
        async move {
            let held = Held::take(&app.db, id).await?;
            let ended = write(&app, held.writer, append, bytes).await;
            held.release().await;
            ended
        }
    };
    tokio::spawn(work.in_current_span()).await??;
    find(&app, workspace, id).await
}

async fn write(
    app: &App,
    writer: Writer,
    append: Append,
    bytes: impl Stream<Item = io::Result<Bytes>> + Unpin,
) -> Result<(), UploadError> {
    let Append { workspace, upload, offset, checksum, plan } = append;
    let upload = find(app, workspace, upload).await?;
    if upload.stored_bytes != offset {
        return Err(UploadError::Offset { stands_at: upload.stored_bytes, meant_for: offset });
    }
    if upload.job.is_some() {
        return Ok(());
    }
    drop_from(app, &upload, writer, offset).await?;
    let mut taking = Taking {
        app,
        upload: &upload,
        writer,
        position: offset,
        told: offset,
        pieces: Vec::new(),
        filled: 0,
        checksum,
    };
    let taken = taking.take(bytes).await;
    let position = match taking.settle(taken).await {
        Ok(position) => position,
        Err(error) => {
            if matches!(error, UploadError::Checksum) {
                drop_from(app, &upload, writer, offset).await?;
            }
            return Err(error);
        }
    };
    if position == upload.total_bytes {
        return finish(app, &upload, writer, plan).await;
    }
    Ok(())
}

/// Forgets what a request stored beyond what its sender was told of.
async fn drop_from(app: &App, upload: &Upload, writer: Writer, from: u64) -> Result<(), UploadError> {
    let dropped = within_reason(async {
        let tx = app.db.begin().await?;
        let dropped = uploads::drop_parts(&tx, writer, from).await?.ok_or(UploadError::Held)?;
        tx.commit().await?;
        Ok::<_, UploadError>(dropped)
    })
    .await?;
    discard(&app.blobs, upload.workspace, upload.id, dropped).await;
    Ok(())
}

/// A request's bytes on their way into storage.
struct Taking<'a> {
    app: &'a App,
    upload: &'a Upload,
    writer: Writer,
    /// Where the part that is being filled begins.
    position: u64,
    /// How far the sender may be told.
    told: u64,
    pieces: Vec<Bytes>,
    filled: usize,
    checksum: Option<Checksum>,
}

impl Taking<'_> {
    /// Takes all that comes.
    async fn take(&mut self, mut bytes: impl Stream<Item = io::Result<Bytes>> + Unpin) -> Result<(), UploadError> {
        loop {
            let next = timeout(SILENCE, bytes.next()).await;
            let Some(piece) = next.map_err(|_| UploadError::BrokenOff("nothing came for a while".to_owned()))? else {
                return Ok(());
            };
            let mut piece = piece.map_err(|error| UploadError::BrokenOff(error.to_string()))?;
            if self.position + (self.filled + piece.len()) as u64 > self.upload.total_bytes {
                return Err(UploadError::TooMany);
            }
            if let Some(checksum) = &mut self.checksum {
                checksum.update(&piece);
            }
            while !piece.is_empty() {
                let part = piece.split_to(piece.len().min(PART_BYTES - self.filled));
                self.filled += part.len();
                self.pieces.push(part);
                if self.filled == PART_BYTES {
                    self.store().await?;
                }
            }
        }
    }

    /// Stores the rest of what came, and says how far the upload reaches. Bytes with a checksum count when all of them
    /// are there and it is right; others count even when more should have come.
    async fn settle(&mut self, taken: Result<(), UploadError>) -> Result<u64, UploadError> {
        let broken_off = match taken {
            Ok(()) => None,
            Err(error @ UploadError::BrokenOff(_)) => Some(error),
            Err(error) => return Err(error),
        };
        if let Some(checksum) = self.checksum.take()
            && (broken_off.is_some() || !checksum.matches())
        {
            return Err(UploadError::Checksum);
        }
        if self.filled > 0 {
            self.store().await?;
        }
        if self.position == self.upload.total_bytes {
            return Ok(self.position);
        }
        if self.told < self.position {
            within_reason(self.advance()).await?;
        }
        broken_off.map_or(Ok(self.position), Err)
    }

    /// Makes a part of what is there. The row follows the object, so that what is noted can be read.
    async fn store(&mut self) -> Result<(), UploadError> {
        let part = Part { id: PartId::new(), position: self.position, bytes: self.filled as u64 };
        let Upload { workspace, id: upload, .. } = *self.upload;
        let key = ObjectKey::Part { workspace, upload, part: part.id };
        self.app.blobs.put(key, std::mem::take(&mut self.pieces)).await?;
        metrics::counter!("escriba_upload_bytes_total").increment(part.bytes);
        // Of bytes with a checksum the sender is told in the end, and of its last byte together with its job.
        let reaches = self.position + part.bytes;
        let is_safe = self.checksum.is_none() && reaches < self.upload.total_bytes;
        within_reason(async {
            let tx = self.app.db.begin().await?;
            let mut is_ours = uploads::add_part(&tx, self.writer, part).await?;
            if is_safe {
                is_ours &= uploads::advance(&tx, self.writer, reaches, KEPT_FOR).await?;
            }
            if is_ours { Ok(tx.commit().await?) } else { Err(UploadError::Held) }
        })
        .await?;
        self.position = reaches;
        self.filled = 0;
        if is_safe {
            self.told = reaches;
        }
        Ok(())
    }

    /// The sender may be told of all that is stored.
    async fn advance(&self) -> Result<(), UploadError> {
        let tx = self.app.db.begin().await?;
        let is_ours = uploads::advance(&tx, self.writer, self.position, KEPT_FOR).await?;
        if is_ours { Ok(tx.commit().await?) } else { Err(UploadError::Held) }
    }
}
