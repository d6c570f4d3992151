//! Deletes what workspaces keep no longer: recordings of ended jobs, and ended jobs as a whole. Jobs that wait or run
//! are never touched.
//!
//! Rows go first, some at a time, each time in a transaction; their objects follow. When the gateway dies in between,
//! no row points at an object that is gone, and the sweep finds the object.

use std::collections::HashSet;

use escriba_blobs::{BlobStore, ObjectKey};
use escriba_database::{
    Database, DatabaseError, jobs, media,
    retention::{self, Due, Kept},
    workspaces,
};
use escriba_domain::WorkspaceId;
use serde::Serialize;

use super::{
    delete_job::{delete_rows, for_players},
    housekeeping::{Mode, Named, Tally},
};

/// Jobs changed in one transaction. One may have thousands of segments, and on SQLite all other writers wait.
const BATCH: u64 = 20;
/// Jobs looked at together where nothing is changed.
const PAGE: u64 = 500;

/// What was deleted, or would be.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct RetentionReport {
    /// Jobs with their transcripts, and what their recordings take.
    pub jobs: Tally,
    /// Recordings whose job stays.
    pub recordings: Tally,
    /// Objects that are left to the sweep, and why.
    pub failures: Named,
}

impl RetentionReport {
    fn add(&mut self, kept: Kept, due: &Due) {
        match kept {
            Kept::Transcripts => self.jobs.add(due.bytes),
            Kept::Media => self.recordings.add(due.bytes),
        }
    }
}

pub async fn apply_retention(db: &Database, blobs: &BlobStore, mode: Mode) -> Result<RetentionReport, DatabaseError> {
    let mut report = RetentionReport::default();
    for workspace in workspaces::list(db).await? {
        match mode {
            // Whole jobs first: their recordings go with them.
            Mode::Apply => {
                for kept in [Kept::Transcripts, Kept::Media] {
                    while delete_some(db, blobs, workspace.id, kept, &mut report).await? {}
                }
            }
            Mode::DryRun => count(db, workspace.id, &mut report).await?,
        }
    }
    metrics::counter!("escriba_retention_jobs_deleted_total").increment(report.jobs.count);
    metrics::counter!("escriba_retention_recordings_deleted_total").increment(report.recordings.count);
    Ok(report)
}

/// Whether there was anything to delete.
async fn delete_some(
    db: &Database,
    blobs: &BlobStore,
    workspace: WorkspaceId,
    kept: Kept,
    report: &mut RetentionReport,
) -> Result<bool, DatabaseError> {
    let tx = db.begin().await?;
    let all_due = retention::lock_due(&tx, workspace, kept, BATCH).await?;
    if all_due.is_empty() {
        return Ok(false);
    }
    match kept {
        Kept::Transcripts => {
            // Redos go with the job whose recording they have, and may be due themselves.
            let mut gone = HashSet::new();
            for due in &all_due {
                if gone.contains(&due.job) {
                    continue;
                }
                for redo in jobs::lock_redos(&tx, due.job).await? {
                    delete_rows(&tx, workspace, redo.id, None).await?;
                    gone.insert(redo.id);
                }
                delete_rows(&tx, workspace, due.job, due.media).await?;
            }
        }
        Kept::Media => {
            media::mark_deleted(&tx, &all_due.iter().filter_map(|due| due.media).collect::<Vec<_>>()).await?;
        }
    }
    tx.commit().await?;
    for due in &all_due {
        report.add(kept, due);
        // The outline of a recording tells of it too, and its rendition all.
        let recording = due.media.map(|media| ObjectKey::Media { workspace, media });
        for key in recording.into_iter().chain(for_players(workspace, due.job)) {
            if let Err(error) = blobs.delete(key).await {
                tracing::warn!(%error, %key, "a recording that is kept no longer was left to the sweep");
                report.failures.add_failure(&key.to_string(), &error);
            }
        }
    }
    Ok(true)
}

async fn count(db: &Database, workspace: WorkspaceId, report: &mut RetentionReport) -> Result<(), DatabaseError> {
    let mut whole = HashSet::new();
    for kept in [Kept::Transcripts, Kept::Media] {
        let mut after = None;
        loop {
            let page = retention::due(db, workspace, kept, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.job);
            for due in page {
                if whole.insert(due.job) {
                    report.add(kept, &due);
                }
            }
        }
    }
    Ok(())
}
