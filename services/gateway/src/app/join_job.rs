//! Accepts a job unless the very same is under way already. A program that grew tired of waiting asks again without
//! knowing that its first request is still being answered; its recording must not be transcribed twice.

use chrono::TimeDelta;
use escriba_database::{jobs, media::Media};
use escriba_domain::{JobId, JobOptions};
use sha2::{Digest, Sha256};

use super::{
    App,
    receive_media::discard_media,
    submit_job::{Submission, SubmitError, check_options, insert_job, note_accepted},
};

/// Whoever asks again this long after the job was completed may have missed the answer.
const MISSED: TimeDelta = TimeDelta::hours(1);

/// Whether the request was made before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Not as far as its sender says. It joins a job that is not over.
    Once,
    /// Its sender says that this is another try. It also joins a job that was completed a moment ago.
    Again,
}

/// The job that transcribes the recording with these options: a new one, or the workspace's same one that came this way
/// before. The recording is discarded where that has it already.
pub async fn join_job(app: &App, recording: Media, options: JobOptions, asked: Asked) -> Result<JobId, SubmitError> {
    check_options(app, &options)?;
    let fingerprint = fingerprint(&recording, &options);
    let tx = app.db.begin().await?;
    let completed_since = match asked {
        Asked::Once => None,
        Asked::Again => Some(tx.now() - MISSED),
    };
    if let Some(job) = jobs::find_same(&tx, recording.workspace, &fingerprint, completed_since).await? {
        drop(tx);
        tracing::info!(%job, workspace = %recording.workspace, "a request joined a job");
        metrics::counter!("escriba_jobs_joined_total").increment(1);
        discard_media(app, &recording).await;
        return Ok(job);
    }
    let job = insert_job(app, &tx, recording, Submission::unlabelled(options)).await?;
    jobs::note_fingerprint(&tx, job.id, &fingerprint).await?;
    tx.commit().await?;
    note_accepted(&job);
    Ok(job.id)
}

/// Tells recordings and options apart. A release with further options knows none of the jobs of the one before again.
fn fingerprint(recording: &Media, options: &JobOptions) -> [u8; 32] {
    let options = serde_json::to_vec(options).expect("options are texts, numbers and lists of them");
    Sha256::new().chain_update(recording.sha256).chain_update(options).finalize().into()
}

#[cfg(test)]
mod tests {
    use escriba_domain::{MediaId, WorkspaceId};
    use escriba_test_support::job_options;

    use super::*;

    fn recording(sha256: [u8; 32]) -> Media {
        Media {
            id: MediaId::new(),
            workspace: WorkspaceId::new(),
            file_name: "any.mp3".to_owned(),
            content_type: None,
            size_bytes: 1,
            sha256,
        }
    }

    #[test]
    fn what_is_transcribed_and_how_counts_and_what_it_is_called_does_not() {
        let (one, again, other) = (recording([1; 32]), recording([1; 32]), recording([2; 32]));
        let options = job_options();
        assert_eq!(fingerprint(&one, &options), fingerprint(&again, &options));
        assert_ne!(fingerprint(&one, &options), fingerprint(&other, &options));
        let timed = JobOptions { word_timestamps: true, ..options.clone() };
        assert_ne!(fingerprint(&one, &options), fingerprint(&one, &timed));
    }
}
