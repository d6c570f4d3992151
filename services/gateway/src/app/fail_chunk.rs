//! A chunk cannot be transcribed. A fault of the recording ends the job; a fault of the worker is tried again after a
//! while, perhaps elsewhere, until the attempts are used up.

use std::time::Duration;

use escriba_database::{
    DatabaseError, chunks,
    jobs::{self, Ending, Failure},
};
use escriba_domain::{FailureCode, MAX_ATTEMPTS};
use escriba_runtime::trace_context;

use super::{
    App, bells,
    end_job::end_job,
    hold::{Claimed, Held, hold},
    release_chunk::forget_time_left,
    room::{longest_audio, too_long},
};

const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

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
    let again = failed.retryable && chunk.attempt < MAX_ATTEMPTS;
    let limit =
        longest_audio(&tx, job.workspace).await?.filter(|_| failed.failure.code == FailureCode::MediaTooLong.as_str());
    if again {
        chunks::delay(&tx, &chunk, chunk.attempt, pause_after(chunk.attempt, rand::random())).await?;
        forget_time_left(&tx, &job).await?;
    } else {
        end_job(&tx, &job, &Ending::Failed(limit.map_or(failed.failure, too_long)), &trace_context::current()).await?;
    }
    tx.commit().await?;
    if !again {
        bells::silence(app, &job).await;
    }
    Ok(Held::Yes(()))
}

/// How long a chunk waits after its nth attempt. `chance`, 0 to 1, spreads out those that failed together.
fn pause_after(attempt: u32, chance: f64) -> Duration {
    let pause = FIRST_PAUSE * 2_u32.saturating_pow(attempt.saturating_sub(1).min(16));
    LONGEST_PAUSE.min(pause).mul_f64(0.75 + chance / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_spread() {
        assert_eq!(pause_after(1, 0.5), FIRST_PAUSE);
        assert_eq!(pause_after(2, 0.5), FIRST_PAUSE * 2);
        assert_eq!(pause_after(40, 0.5), LONGEST_PAUSE);
        assert!(pause_after(1, 0.0) < FIRST_PAUSE && pause_after(1, 1.0) > FIRST_PAUSE);
    }
}
