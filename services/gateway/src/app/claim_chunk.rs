//! A worker heard a bell and asks for work. The claim decides what it gets: the chunk whose turn it is in that queue,
//! which need not be the one that was rung for. A worker that had a lease asks for its own chunk again.

use escriba_database::{
    DatabaseError, Transaction,
    chunks::{self, Chunk},
    jobs::{self, Ending, Job},
    outbox,
    queues::{self, Turn},
};
use escriba_domain::{ChunkId, ChunkKind, ChunkState, FailureCode, JobId, JobState, Lane, MAX_ATTEMPTS, ModelName};
use escriba_events::{event_message, job_started};
use escriba_runtime::trace_context;

use super::{
    App,
    end_job::{end_job, failure},
    hold::LEASE_TIME,
    room::longest_audio,
};

/// What a recording counts in the sharing of a queue while nobody knows its length.
const UNKNOWN_WORK_MS: u64 = 60_000;

/// A turn may be gone by the time it is taken, with a job that was canceled; then the next one is looked for.
const TRIES: usize = 16;

/// What a worker asks for.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// What the bell rang for, or what the worker held.
    pub job: JobId,
    pub chunk: ChunkId,
    pub lane: Lane,
    pub model: ModelName,
    pub worker_id: String,
    /// The lease it had before its stream broke, or 0.
    pub resumed_lease: u64,
}

/// What it hears.
#[derive(Debug)]
pub enum Claim {
    Granted(Box<Grant>),
    /// Nothing waits: the bell has no purpose.
    Over,
    /// Another worker holds the chunk.
    HeldByAnother,
}

/// A claim that holds until its lease runs out.
#[derive(Debug)]
pub struct Grant {
    pub lease: u64,
    pub job: Job,
    pub chunk: Chunk,
    /// The longest recording that its workspace may have transcribed.
    pub max_audio_ms: Option<u64>,
}

pub async fn claim_chunk(app: &App, request: &ClaimRequest) -> Result<Claim, DatabaseError> {
    if request.resumed_lease != 0 {
        return resume(app, request).await;
    }
    for _ in 0..TRIES {
        let tx = app.db.begin().await?;
        let Some(turn) = next_turn(&tx, request).await? else {
            return Ok(Claim::Over);
        };
        let taken = take(&tx, turn, request).await?;
        tx.commit().await?;
        if let Some(grant) = taken {
            return Ok(Claim::Granted(Box::new(grant)));
        }
    }
    Ok(Claim::Over)
}

async fn next_turn(tx: &Transaction, request: &ClaimRequest) -> Result<Option<Turn>, DatabaseError> {
    if let Some(turn) = queues::next(tx, request.lane, &request.model).await? {
        return Ok(Some(turn));
    }
    // Its workspace may have come at the very moment at which the queue was found empty.
    let rung_for = chunks::lock(tx, request.chunk).await?;
    let Some(chunk) = rung_for.filter(|chunk| chunk.state == ChunkState::Queued && chunk.ready_at.is_none()) else {
        return Ok(None);
    };
    queues::admit(tx, chunk.workspace, chunk.lane, &chunk.model).await?;
    Ok(Some(Turn { workspace: chunk.workspace, job: chunk.job, chunk: chunk.id }))
}

/// `None` when the turn led to nothing; what made it so is put right.
async fn take(tx: &Transaction, turn: Turn, request: &ClaimRequest) -> Result<Option<Grant>, DatabaseError> {
    let job = jobs::lock(tx, turn.job).await?;
    let chunk = chunks::lock(tx, turn.chunk).await?.filter(|chunk| chunk.state == ChunkState::Queued);
    let (Some(job), Some(chunk)) = (job, chunk) else {
        return Ok(None);
    };
    if job.state.is_terminal() {
        chunks::end(tx, chunk.id, ChunkState::Canceled).await?;
        return Ok(None);
    }
    if chunk.attempt >= MAX_ATTEMPTS {
        end_job(tx, &job, &Ending::Failed(failure(FailureCode::WorkerCrashed)), &trace_context::current()).await?;
        return Ok(None);
    }
    let work_ms = match chunk.kind {
        ChunkKind::Whole => job.audio_ms.unwrap_or(UNKNOWN_WORK_MS),
        ChunkKind::Part => chunk.work_ms,
    };
    queues::charge(tx, turn.workspace, (chunk.lane, &chunk.model), work_ms).await?;
    let attempt = chunk.attempt + 1;
    grant(tx, job, Chunk { attempt, ..chunk }, &request.worker_id).await.map(Some)
}

/// A worker whose stream broke, or whose gateway was away, goes on where it was unless another has the chunk by now.
async fn resume(app: &App, request: &ClaimRequest) -> Result<Claim, DatabaseError> {
    let tx = app.db.begin().await?;
    let job = jobs::lock(&tx, request.job).await?;
    let chunk = chunks::lock(&tx, request.chunk).await?;
    let (Some(job), Some(chunk)) = (job, chunk) else {
        return Ok(Claim::Over);
    };
    if chunk.job != job.id || job.state.is_terminal() {
        return Ok(Claim::Over);
    }
    let is_its_own = chunk.lease == request.resumed_lease;
    let granted = match chunk.state {
        ChunkState::Running if is_its_own => {
            chunks::renew(&tx, chunk.id, LEASE_TIME).await?;
            let max_audio_ms = longest_audio(&tx, job.workspace).await?;
            Grant { lease: chunk.lease, job, chunk, max_audio_ms }
        }
        // It was taken for dead, and nobody has taken its place. It is the same attempt.
        ChunkState::Queued if is_its_own => grant(&tx, job, chunk, &request.worker_id).await?,
        ChunkState::Running | ChunkState::Queued => return Ok(Claim::HeldByAnother),
        ChunkState::Completed | ChunkState::Failed | ChunkState::Canceled => return Ok(Claim::Over),
    };
    tx.commit().await?;
    Ok(Claim::Granted(Box::new(granted)))
}

async fn grant(tx: &Transaction, job: Job, chunk: Chunk, worker_id: &str) -> Result<Grant, DatabaseError> {
    let lease = chunks::claim(tx, &chunk, chunk.attempt, worker_id, LEASE_TIME).await?;
    if job.state == JobState::Queued {
        jobs::start(tx, job.id).await?;
        let event = job_started(job.workspace, job.id, worker_id);
        outbox::append(tx, event_message(&event, tx.now(), &trace_context::current())).await?;
    }
    tracing::info!(job = %job.id, chunk = %chunk.id, lease, worker = worker_id, "a chunk was claimed");
    let max_audio_ms = longest_audio(tx, job.workspace).await?;
    Ok(Grant { lease, job, chunk, max_audio_ms })
}
