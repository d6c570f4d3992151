//! One request at a time writes an upload.

use escriba_database::{
    Database,
    uploads::{self, Writer},
    within_reason,
};
use escriba_domain::UploadId;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::{
    super::renewing::{HOLD, renewing},
    KEPT_FOR, UploadError,
};

/// An upload that nobody else writes. Given up without [`Self::release`], it is free again when its time runs out.
pub(super) struct Held {
    db: Database,
    pub(super) writer: Writer,
    _renewing: AbortOnDropHandle<()>,
}

impl Held {
    pub(super) async fn take(db: &Database, upload: UploadId) -> Result<Self, UploadError> {
        let writer = Writer { upload, id: Uuid::now_v7() };
        if !within_reason(uploads::hold(db, writer, HOLD)).await? {
            return Err(UploadError::Held);
        }
        let renewed = db.clone();
        let renewing = renewing(move || {
            let db = renewed.clone();
            async move { uploads::renew(&db, writer, HOLD, KEPT_FOR).await }
        });
        Ok(Self { db: db.clone(), writer, _renewing: renewing })
    }

    pub(super) async fn release(self) {
        if let Err(error) = within_reason(uploads::release(&self.db, self.writer)).await {
            tracing::warn!(%error, upload = %self.writer.upload, "an upload is held until its time runs out");
        }
    }
}
