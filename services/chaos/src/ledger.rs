//! What clients were told: kept by the clients' side alone, so that nothing the servers say later can change it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use escriba_domain::JobId;

/// What the answer to a submission was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// None yet, or none ever: the job may be there or not.
    Unknown,
    Accepted(JobId),
    Refused(u16),
    /// It was never sent to its end, so there must be no job.
    Unfinished,
}

/// What a client did to a job after that, as far as it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cancel {
    Never,
    /// It was asked for, and no answer came.
    Perhaps,
    /// It was confirmed.
    Surely,
}

impl Cancel {
    /// After a request to run it again that may have worked.
    pub(crate) const fn doubted(self) -> Self {
        match self {
            Self::Never => Self::Never,
            Self::Perhaps | Self::Surely => Self::Perhaps,
        }
    }
}

/// One submission.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Unique, and the recording's name in the job.
    pub(crate) file_name: String,
    pub(crate) recording: usize,
    pub(crate) workspace: usize,
    pub(crate) outcome: Outcome,
    pub(crate) cancel: Cancel,
    /// How often the job was run again, as far as is known.
    pub(crate) retries: u32,
}

/// Shared by all who send.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<Vec<Entry>>>);

impl Ledger {
    /// Enters a submission before it is sent. The answer is its number.
    pub(crate) fn enter(&self, file_name: String, recording: usize, workspace: usize) -> usize {
        let mut entries = self.lock();
        let (outcome, cancel) = (Outcome::Unknown, Cancel::Never);
        entries.push(Entry { file_name, recording, workspace, outcome, cancel, retries: 0 });
        entries.len() - 1
    }

    pub(crate) fn note(&self, number: usize, change: impl FnOnce(&mut Entry)) {
        change(&mut self.lock()[number]);
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    /// The jobs that were accepted, newest last, with their workspaces.
    pub(crate) fn accepted(&self) -> Vec<(JobId, usize)> {
        let accepted = |entry: &Entry| match entry.outcome {
            Outcome::Accepted(id) => Some((id, entry.workspace)),
            Outcome::Unknown | Outcome::Refused(_) | Outcome::Unfinished => None,
        };
        self.lock().iter().filter_map(accepted).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
