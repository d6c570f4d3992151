//! What everybody in one seed shares: the stack, what is sent to it, and what was said.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use escriba_domain::Segment;
use tokio::sync::RwLock;

use crate::{ledger::Ledger, recordings::Recording, stack::Stack};

/// What is heard in a recording while nothing is broken; nothing in those that fail.
pub(crate) type Reference = Vec<Option<Vec<Segment>>>;

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) stack: Stack,
    pub(crate) recordings: Vec<Recording>,
    pub(crate) reference: Reference,
    pub(crate) ledger: Ledger,
    /// Deaths and silences so far that may have cost an attempt each.
    pub(crate) lost_leases: AtomicU32,
    /// Who holds files on the disks holds this, and who lets their power fail holds it alone.
    pub(crate) power: RwLock<()>,
    troubles: Mutex<Vec<String>>,
}

impl World {
    pub(crate) fn new(stack: Stack, recordings: Vec<Recording>, reference: Reference) -> Self {
        let (ledger, lost_leases) = (Ledger::default(), AtomicU32::default());
        let (power, troubles) = (RwLock::default(), Mutex::default());
        Self { stack, recordings, reference, ledger, lost_leases, power, troubles }
    }

    /// Somebody's work may have been taken away.
    pub(crate) fn lost_lease(&self) {
        self.lost_leases.fetch_add(1, Ordering::Relaxed);
    }

    /// Something that should never happen did.
    pub(crate) fn complain(&self, trouble: String) {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner).push(trouble);
    }

    pub(crate) fn take_troubles(&self) -> Vec<String> {
        std::mem::take(&mut self.troubles.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
