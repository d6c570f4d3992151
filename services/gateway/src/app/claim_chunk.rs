//! A worker answers a doorbell and asks for the chunk. The claim, not the message, decides who works on it.

use escriba_database::{
    DatabaseError, Transaction,
    chunks::{self, Chunk},
    jobs::{self, Ending, Job},
    outbox,
};
use escriba_domain::{ChunkId, ChunkState, FailureCode, JobId, JobState, MAX_ATTEMPTS};
use escriba_events::{event_message, job_started};
use escriba_runtime::trace_context;

use super::{
    App,
    end_job::{end_job, failure},
    hold::LEASE_TIME,
};

/// What a worker asks for.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    pub job: JobId,
    pub chunk: ChunkId,
    pub worker_id: String,
    /// The lease it had before its stream broke, or 0.
    pub resumed_lease: u64,
}

/// What it hears.
#[derive(Debug)]
pub enum Claim {
    Granted(Box<Grant>),
    /// The job is over or gone: the work item has no purpose.
    Over,
    /// Another worker holds the chunk.
    HeldByAnother,
}

/// A claim that holds until its lease runs out.
#[derive(Debug)]
pub struct Grant {
    pub lease: u64,
    pub job: Job,
    /// Everything before this is committed already.
    pub resume_ms: u64,
    pub next_index: u32,
}

pub async fn claim_chunk(app: &App, request: &ClaimRequest) -> Result<Claim, DatabaseError> {
    let tx = app.db.begin().await?;
    let Some(job) = jobs::lock(&tx, request.job).await? else {
        return Ok(Claim::Over);
    };
    let chunk = chunks::lock(&tx, request.chunk).await?.filter(|chunk| chunk.job == job.id);
    let Some(chunk) = chunk else {
        return Ok(Claim::Over);
    };
    let open = matches!(chunk.state, ChunkState::Queued | ChunkState::Running);
    if job.state.is_terminal() || !open {
        return Ok(Claim::Over);
    }
    let claim = decide(&tx, job, &chunk, request).await?;
    tx.commit().await?;
    Ok(claim)
}

async fn decide(tx: &Transaction, job: Job, chunk: &Chunk, request: &ClaimRequest) -> Result<Claim, DatabaseError> {
    let running = chunk.state == ChunkState::Running;
    if running && request.resumed_lease != 0 && request.resumed_lease == chunk.lease {
        chunks::renew(tx, chunk.id, LEASE_TIME).await?;
        return Ok(Claim::Granted(Box::new(grant(job, chunk, chunk.lease))));
    }
    let live = chunk.lease_expires_at.is_some_and(|expires| expires > tx.now());
    if running && live {
        return Ok(Claim::HeldByAnother);
    }
    let trace = trace_context::current();
    if chunk.attempt >= MAX_ATTEMPTS {
        end_job(tx, &job, &Ending::Failed(failure(FailureCode::WorkerCrashed)), &trace).await?;
        return Ok(Claim::Over);
    }
    let lease = chunks::claim(tx, chunk, &request.worker_id, LEASE_TIME).await?;
    if job.state == JobState::Queued {
        jobs::start(tx, job.id).await?;
        let event = job_started(job.workspace, job.id, &request.worker_id);
        outbox::append(tx, event_message(&event, tx.now(), &trace)).await?;
    }
    tracing::info!(job = %job.id, chunk = %chunk.id, lease, worker = request.worker_id, "a chunk was claimed");
    Ok(Claim::Granted(Box::new(grant(job, chunk, lease))))
}

fn grant(job: Job, chunk: &Chunk, lease: u64) -> Grant {
    Grant { lease, job, resume_ms: chunk.through_ms, next_index: chunk.segment_count }
}
