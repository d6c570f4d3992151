//! The fence that every report of a worker passes: only the holder of the chunk's newest lease may change anything.

use std::time::Duration;

use escriba_database::{
    DatabaseError, Transaction,
    chunks::{self, Chunk},
    jobs::{self, Job},
};
use escriba_domain::{ChunkId, ChunkState, JobId, JobState};

/// Reports must come more often than this.
pub const LEASE_TIME: Duration = Duration::from_secs(30);
/// A worker whose stream broke may come back within this, before the chunk goes to another.
pub const RECONNECT_TIME: Duration = Duration::from_secs(10);

/// What a worker says it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claimed {
    pub job: JobId,
    pub chunk: ChunkId,
    pub lease: u64,
}

/// Why it holds it no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The job was canceled or deleted.
    Canceled,
    /// Another worker holds the chunk, or it has ended.
    Superseded,
}

/// What a report led to.
#[derive(Debug)]
pub enum Held<T> {
    Yes(T),
    No(Lost),
}

/// Locks the job and the chunk, and looks whether the lease is the newest.
pub(super) async fn hold(tx: &Transaction, claimed: Claimed) -> Result<Held<(Job, Chunk)>, DatabaseError> {
    let Some(job) = jobs::lock(tx, claimed.job).await? else {
        return Ok(Held::No(Lost::Canceled));
    };
    let Some(chunk) = chunks::lock(tx, claimed.chunk).await? else {
        return Ok(Held::No(Lost::Canceled));
    };
    if job.state == JobState::Canceled {
        return Ok(Held::No(Lost::Canceled));
    }
    let holds = chunk.job == job.id && chunk.state == ChunkState::Running && chunk.lease == claimed.lease;
    Ok(if holds { Held::Yes((job, chunk)) } else { Held::No(Lost::Superseded) })
}
