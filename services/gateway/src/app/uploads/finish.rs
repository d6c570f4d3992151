//! The last byte of an upload is there: its parts become a recording, and the recording a job. The upload's end and
//! the job commit together.

use escriba_blobs::{BlobError, ObjectKey, Stored};
use escriba_database::{
    media::Media,
    uploads::{self, Part, Upload, Writer},
    within_reason,
};
use escriba_domain::MediaId;
use futures_util::StreamExt;

use super::{
    super::{
        receive_media::{discard_media, display_name},
        submit_job::{insert_job, note_accepted},
    },
    App, KEPT_FOR, Plan, UploadError,
    delete::discard,
};

pub(super) async fn finish(app: &App, upload: &Upload, writer: Writer, plan: Plan) -> Result<(), UploadError> {
    let parts = within_reason(uploads::parts(&app.db, upload.id)).await?;
    let media = MediaId::new();
    let stored = assemble(app, upload, &parts, media).await?;
    let recording = Media {
        id: media,
        workspace: upload.workspace,
        file_name: display_name(plan.file_name.as_deref()),
        content_type: plan.content_type.clone(),
        size_bytes: stored.bytes,
        sha256: stored.sha256,
    };
    let finished = within_reason(commit(app, writer, recording.clone(), plan)).await;
    match &finished {
        Ok(()) => {
            let parts = parts.into_iter().map(|part| part.id);
            discard(&app.blobs, upload.workspace, upload.id, parts.collect()).await;
        }
        // Of an outcome that is unknown, the sweep takes care.
        Err(UploadError::Held | UploadError::Submit(_)) => discard_media(app, &recording).await,
        Err(_) => {}
    }
    finished
}

async fn commit(app: &App, writer: Writer, recording: Media, plan: Plan) -> Result<(), UploadError> {
    let tx = app.db.begin().await?;
    let job = insert_job(app, &tx, recording, plan.submission).await?;
    if !uploads::finish(&tx, writer, job.id, KEPT_FOR).await? {
        return Err(UploadError::Held);
    }
    tx.commit().await?;
    note_accepted(&job);
    Ok(())
}

/// Makes one object of the parts, in constant memory.
async fn assemble(app: &App, upload: &Upload, parts: &[Part], media: MediaId) -> Result<Stored, BlobError> {
    let mut whole = app.blobs.upload(ObjectKey::Media { workspace: upload.workspace, media }).await?;
    for part in parts {
        let key = ObjectKey::Part { workspace: upload.workspace, upload: upload.id, part: part.id };
        let mut bytes = app.blobs.get(key).await?;
        while let Some(piece) = bytes.next().await {
            whole.write(piece?).await?;
        }
    }
    whole.finish().await
}
