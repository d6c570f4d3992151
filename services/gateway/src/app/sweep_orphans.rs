//! Deletes from storage what no row needs: recordings without a row, their outlines and renditions, the
//! speech of chunks that are
//! completed or gone, parts of uploads that are finished or gone, unfinished uploads, empty folders. Storage is looked at
//! first and the rows after it, and only what is old is judged,
//! since an object is there before its row is. Two sweeps at once are harmless.
//!
//! What is not ours is left alone. So are objects of workspaces that this database does not know: a gateway that was
//! started with another house's storage, or with a new database, must not empty it.

use std::{collections::HashSet, time::Duration};

use chrono::{DateTime, Utc};
use escriba_blobs::{BlobError, BlobStore, Leftover, LeftoverKind, Listed, ObjectKey, Place};
use escriba_database::{Database, DatabaseError, retention, workspaces};
use escriba_domain::{ErrorKind, WorkspaceId};
use futures_util::{StreamExt, stream};
use serde::Serialize;

use super::housekeeping::{Mode, Named, Tally};

/// An upload may take long from its last byte to its row: the form it came in goes on.
pub const LEAST_AGE: Duration = Duration::from_hours(1);
/// Things looked at, and asked the database for, at once.
const PAGE: usize = 500;
const DELETIONS_AT_ONCE: usize = 8;

#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    #[error(
        "only what is at least {} old can be swept: younger things may belong to uploads that are under way",
        humantime::format_duration(LEAST_AGE)
    )]
    TooYoung,
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl SweepError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::TooYoung => ErrorKind::Invalid,
            Self::Database(error) => error.kind(),
        }
    }
}

/// What was found, and what became of it.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct SweepReport {
    /// Deleted, or to be deleted: objects that no row needs.
    pub orphans: Tally,
    /// Deleted, or to be deleted.
    pub unfinished_uploads: Tally,
    /// Deleted, or to be deleted.
    pub empty_folders: Tally,
    /// Left alone: needed, or too young to judge.
    pub kept: Tally,
    /// Left alone: of workspaces that are not in the database.
    pub foreign: Tally,
    /// Left alone: nothing of ours.
    pub unknown: Named,
    /// What could not be looked at or deleted, and why.
    pub failures: Named,
}

/// A sweep under way.
struct Sweep<'a> {
    db: &'a Database,
    blobs: &'a BlobStore,
    mode: Mode,
    /// Only what was changed before this is judged.
    before: DateTime<Utc>,
    workspaces: HashSet<WorkspaceId>,
    report: SweepReport,
}

/// Goes through all of storage once. A dry run may look at things of any age.
pub async fn sweep_orphans(
    db: &Database,
    blobs: &BlobStore,
    older_than: Duration,
    mode: Mode,
) -> Result<SweepReport, SweepError> {
    if mode == Mode::Apply && older_than < LEAST_AGE {
        return Err(SweepError::TooYoung);
    }
    let before = db.now().await? - older_than;
    let workspaces = workspaces::list(db).await?.into_iter().map(|workspace| workspace.id).collect();
    let mut sweep = Sweep { db, blobs, mode, before, workspaces, report: SweepReport::default() };
    let mut pages = blobs.list().chunks(PAGE);
    while let Some(page) = pages.next().await {
        let mut judged = Vec::new();
        for listed in page {
            match listed {
                Ok(listed) => judged.extend(sweep.look_at(listed).await),
                Err(error) => sweep.fail(&error, "storage"),
            }
        }
        sweep.judge(judged).await?;
    }
    metrics::counter!("escriba_orphans_deleted_total").increment(sweep.report.orphans.count);
    Ok(sweep.report)
}

impl Sweep<'_> {
    /// Settles what needs no row to be settled; an object that does is given back with its bytes.
    async fn look_at(&mut self, listed: Listed) -> Option<(ObjectKey, u64)> {
        let old = listed.last_modified < self.before;
        match listed.place {
            Place::Unknown(path) => self.report.unknown.add(path),
            Place::Object(key) if !self.workspaces.contains(&key.workspace()) => self.report.foreign.add(listed.bytes),
            Place::Object(key) if old => return Some((key, listed.bytes)),
            Place::Leftover(leftover) if old => self.discard(leftover, listed.bytes).await,
            Place::Object(_) | Place::Leftover(_) => self.report.kept.add(listed.bytes),
        }
        None
    }

    async fn discard(&mut self, leftover: Leftover, bytes: u64) {
        let tally = match leftover.kind {
            LeftoverKind::UnfinishedUpload => &mut self.report.unfinished_uploads,
            LeftoverKind::EmptyFolder => &mut self.report.empty_folders,
        };
        let discarded = match self.mode {
            Mode::Apply => self.blobs.discard(leftover).await,
            Mode::DryRun => Ok(()),
        };
        match discarded {
            Ok(()) => tally.add(bytes),
            Err(error) => self.fail(&error, "a leftover"),
        }
    }

    /// Deletes those of the objects that no row needs.
    async fn judge(&mut self, objects: Vec<(ObjectKey, u64)>) -> Result<(), DatabaseError> {
        let needed = self.needed(&objects).await?;
        let (kept, orphans): (Vec<_>, Vec<_>) = objects.into_iter().partition(|(key, _)| needed.contains(key));
        for (_, bytes) in kept {
            self.report.kept.add(bytes);
        }
        let (blobs, mode) = (self.blobs, self.mode);
        let deletions = stream::iter(orphans).map(async |(key, bytes)| match mode {
            Mode::Apply => (key, bytes, blobs.delete(key).await),
            Mode::DryRun => (key, bytes, Ok(())),
        });
        let mut deletions = deletions.buffer_unordered(DELETIONS_AT_ONCE);
        while let Some((key, bytes, deleted)) = deletions.next().await {
            match deleted {
                Ok(()) => self.report.orphans.add(bytes),
                Err(error) => self.fail(&error, &key.to_string()),
            }
        }
        Ok(())
    }

    async fn needed(&self, objects: &[(ObjectKey, u64)]) -> Result<HashSet<ObjectKey>, DatabaseError> {
        let (mut media, mut chunks, mut jobs, mut parts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (key, _) in objects {
            match *key {
                ObjectKey::Media { media: id, .. } => media.push(id),
                ObjectKey::Windows { chunk, .. } => chunks.push(chunk),
                ObjectKey::Part { part, .. } => parts.push(part),
                ObjectKey::Peaks { job, .. } | ObjectKey::Rendition { job, .. } => jobs.push(job),
            }
        }
        let media = retention::needed_media(self.db, &media).await?;
        let chunks = retention::unfinished_chunks(self.db, &chunks).await?;
        let jobs = retention::jobs_with_media(self.db, &jobs).await?;
        let parts = retention::needed_parts(self.db, &parts).await?;
        let needed = objects.iter().map(|(key, _)| *key).filter(|key| match *key {
            ObjectKey::Media { workspace, media: id } => media.contains(&(workspace, id)),
            ObjectKey::Windows { job, chunk, .. } => chunks.contains(&(job, chunk)),
            ObjectKey::Part { workspace, upload, part } => parts.contains(&(workspace, upload, part)),
            ObjectKey::Peaks { workspace, job } | ObjectKey::Rendition { workspace, job } => {
                jobs.contains(&(workspace, job))
            }
        });
        Ok(needed.collect())
    }

    fn fail(&mut self, error: &BlobError, what: &str) {
        tracing::warn!(%error, what, "the sweep could not do all");
        self.report.failures.add_failure(what, error);
    }
}
