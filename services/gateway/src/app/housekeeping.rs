//! What keeps storage from growing for ever, done about hourly: what workspaces keep no longer, and what no row needs.
//! Any number of gateways may do it at once; they only do some of the work twice.

use std::{error::Error, time::Duration};

use escriba_database::idempotency;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{App, apply_retention::apply_retention, sweep_orphans::sweep_orphans, uploads};

/// Early enough for a machine that is on for a short while only.
const FIRST: Duration = Duration::from_mins(2);
const EVERY: Duration = Duration::from_hours(1);
/// Reports name so many of a kind, and count the rest.
const MOST_NAMED: usize = 20;

/// Whether to delete, or only to say what would be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Apply,
    DryRun,
}

/// How many of something, and what they take in storage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub count: u64,
    pub bytes: u64,
}

impl Tally {
    pub(crate) const fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
    }
}

/// Things told of by name, as far as there is room.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Named {
    pub count: u64,
    /// The first few.
    pub names: Vec<String>,
}

impl Named {
    /// Names what failed, with all that is known of why.
    pub(super) fn add_failure(&mut self, what: &str, error: &dyn Error) {
        let mut told = format!("{what}: {error}");
        let mut cause = error.source();
        while let Some(error) = cause {
            told = format!("{told}: {error}");
            cause = error.source();
        }
        self.add(told);
    }

    pub(crate) fn add(&mut self, name: String) {
        self.count += 1;
        if self.names.len() < MOST_NAMED {
            self.names.push(name);
        }
    }
}

/// Works at intervals until shutdown. What is broken off by that is taken up the next time.
pub async fn run_until(app: &App, orphan_age: Duration, shutdown: CancellationToken) {
    let mut pause = FIRST;
    loop {
        // Gateways that were started together do not look at the same moment.
        let work = async {
            tokio::time::sleep(pause.mul_f64(rand::random_range(0.8..1.2))).await;
            tidy(app, orphan_age).await;
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = work => pause = EVERY,
        }
    }
}

/// Retention comes first, so that the sweep finds what it could not delete.
async fn tidy(app: &App, orphan_age: Duration) {
    match apply_retention(&app.db, &app.blobs, Mode::Apply).await {
        Ok(report) => {
            let (jobs, recordings) = (report.jobs.count, report.recordings.count);
            tracing::info!(jobs, recordings, failed = report.failures.count, "what was kept long enough is deleted");
        }
        Err(error) => tracing::warn!(%error, "what was kept long enough could not be deleted"),
    }
    match uploads::delete_expired(&app.db, &app.blobs).await {
        Ok(deleted) => tracing::info!(deleted, "uploads that nobody went on with are deleted"),
        Err(error) => tracing::warn!(%error, "uploads that nobody went on with could not be deleted"),
    }
    if let Err(error) = idempotency::forget_expired(&app.db).await {
        tracing::warn!(%error, "old idempotency keys could not be forgotten");
    }
    match sweep_orphans(&app.db, &app.blobs, orphan_age, Mode::Apply).await {
        Ok(report) => {
            let (orphans, unfinished) = (report.orphans.count, report.unfinished_uploads.count);
            let (foreign, unknown) = (report.foreign.count, report.unknown.count);
            let failed = report.failures.count;
            tracing::info!(orphans, unfinished, foreign, unknown, failed, "storage is swept");
        }
        Err(error) => tracing::warn!(%error, "storage could not be swept"),
    }
}
