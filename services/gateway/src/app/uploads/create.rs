//! Begins an upload.

use escriba_database::uploads::{self, NewUpload};

use super::{
    super::answer_once::{Answer, Once},
    App, KEPT_FOR, UploadError,
};

/// The answer that tells of the upload is committed with it.
pub async fn create(app: &App, new: &NewUpload, once: &Once, answer: Answer) -> Result<Answer, UploadError> {
    let limit = app.max_upload_bytes;
    if new.total_bytes > limit {
        return Err(UploadError::TooLarge { limit });
    }
    let tx = app.db.begin().await?;
    uploads::insert(&tx, new, KEPT_FOR).await?;
    once.keep(&tx, &answer).await?;
    tx.commit().await?;
    Ok(answer)
}
