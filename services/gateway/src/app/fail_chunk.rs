//! A chunk cannot be transcribed. A fault of the recording ends the job; a fault of the worker is tried again
//! elsewhere, until the attempts are used up.

use escriba_database::{
    DatabaseError,
    jobs::{self, Ending, Failure},
};
use escriba_domain::MAX_ATTEMPTS;
use escriba_runtime::trace_context;

use super::{
    App,
    end_job::end_job,
    hold::{Claimed, Held, hold},
    release_chunk::put_back,
};

/// What a worker says of it.
#[derive(Debug)]
pub struct ChunkFailure {
    pub failure: Failure,
    /// The recording is not at fault.
    pub retryable: bool,
    pub processing_ms: u64,
}

pub async fn fail_chunk(app: &App, claimed: Claimed, failed: ChunkFailure) -> Result<Held<()>, DatabaseError> {
    let tx = app.db.begin().await?;
    let (job, chunk) = match hold(&tx, claimed).await? {
        Held::Yes(held) => held,
        Held::No(lost) => return Ok(Held::No(lost)),
    };
    jobs::add_processing(&tx, job.id, failed.processing_ms).await?;
    if failed.retryable && chunk.attempt < MAX_ATTEMPTS {
        put_back(&tx, &job, &chunk, chunk.attempt).await?;
    } else {
        end_job(&tx, &job, &Ending::Failed(failed.failure), &trace_context::current()).await?;
    }
    tx.commit().await?;
    Ok(Held::Yes(()))
}
