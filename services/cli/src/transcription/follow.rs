//! Following a job to its end over connections that may break. The event stream is for progress; when it ends
//! without saying how the job ended, the job itself is asked. It must not give up while there is hope.

use std::{convert::Infallible, time::Duration};

use escriba_domain::{JobId, JobState};
use futures_util::StreamExt;
use tokio::time::{self, Instant};

use super::progress::FileProgress;
use crate::api::{
    ApiError, Client,
    events::{self, JobEvent},
    jobs::{Job, Remark},
};

/// A stream that is silent for so long may be dead without our knowing; asking anew costs little.
const SILENCE: Duration = Duration::from_secs(45);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Between two looks at the job, for what no event tells: its place in the queue, and how many work on it.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A server that cannot be reached for so long will not come back by itself. The job goes on there.
const PATIENCE: Duration = Duration::from_mins(2);

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    Completed,
    Failed(Remark),
    Canceled,
    Deleted,
}

pub(super) async fn to_the_end(client: &Client, job: JobId, progress: &FileProgress) -> Result<Ending, ApiError> {
    tokio::select! {
        ending = follow(client, job, progress) => ending,
        never = keep_looking(client, job, progress) => match never {},
    }
}

/// A look that fails is no matter: the next one may not.
async fn keep_looking(client: &Client, job: JobId, progress: &FileProgress) -> Infallible {
    loop {
        time::sleep(LOOK_EVERY).await;
        if let Ok(job) = client.job(job).await {
            progress.looked_at(&job);
        }
    }
}

async fn follow(client: &Client, job: JobId, progress: &FileProgress) -> Result<Ending, ApiError> {
    let mut last_id = None;
    let mut pause = FIRST_PAUSE;
    let mut last_contact = Instant::now();
    loop {
        let found_out = one_connection(client, job, &mut last_id, progress).await;
        match found_out {
            Ok(Some(ending)) => return Ok(ending),
            Ok(None) => {
                last_contact = Instant::now();
                pause = FIRST_PAUSE;
            }
            Err(error) if error.may_pass() && last_contact.elapsed() < PATIENCE => progress.out_of_touch(),
            Err(error) => return Err(error),
        }
        time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// `None` when the connection ended before the job did.
async fn one_connection(
    client: &Client,
    job: JobId,
    last_id: &mut Option<String>,
    progress: &FileProgress,
) -> Result<Option<Ending>, ApiError> {
    let mut stream = match client.events(job, last_id.as_deref()).await {
        Ok(stream) => stream,
        Err(error) if error.is_not_found() => return Ok(Some(Ending::Deleted)),
        Err(error) => return Err(error),
    };
    while let Ok(Some(message)) = time::timeout(SILENCE, stream.next()).await {
        if message.id.is_some() {
            *last_id = message.id;
        }
        if let Some(ending) = message.event.and_then(|event| take_in(event, progress)) {
            return Ok(Some(ending));
        }
    }
    match client.job(job).await {
        Ok(job) => Ok(ending_of(job)),
        Err(error) if error.is_not_found() => Ok(Some(Ending::Deleted)),
        Err(error) => Err(error),
    }
}

fn take_in(event: JobEvent, progress: &FileProgress) -> Option<Ending> {
    match event {
        JobEvent::Queued => progress.queued(),
        JobEvent::Started => progress.started(),
        JobEvent::Progress(so_far) => progress.transcribing(so_far),
        JobEvent::Completed => return Some(Ending::Completed),
        JobEvent::Failed(why) => return Some(Ending::Failed(why)),
        JobEvent::Canceled => return Some(Ending::Canceled),
        JobEvent::Deleted => return Some(Ending::Deleted),
    }
    None
}

fn ending_of(job: Job) -> Option<Ending> {
    match job.state {
        JobState::Queued | JobState::Running => None,
        JobState::Completed => Some(Ending::Completed),
        JobState::Failed => Some(Ending::Failed(job.error.unwrap_or_else(events::unexplained))),
        JobState::Canceled => Some(Ending::Canceled),
    }
}
