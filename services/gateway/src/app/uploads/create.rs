//! Begins an upload.

use escriba_database::uploads::{self, NewUpload};

use super::{
    super::{
        answer_once::{Answer, Once},
        room::{RoomError, look_for_room, upload_limit},
    },
    App, KEPT_FOR, UploadError,
};

/// The answer that tells of the upload is committed with it.
pub async fn create(app: &App, new: &NewUpload, once: &Once, answer: Answer) -> Result<Answer, UploadError> {
    look_for_room(app, new.workspace, None).await?;
    let limit = upload_limit(app, new.workspace).await?;
    if new.total_bytes > limit {
        return Err(RoomError::TooLarge { limit }.into());
    }
    let tx = app.db.begin().await?;
    uploads::insert(&tx, new, KEPT_FOR).await?;
    once.keep(&tx, &answer).await?;
    tx.commit().await?;
    Ok(answer)
}
