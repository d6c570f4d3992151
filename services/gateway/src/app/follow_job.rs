//! What happens to a job, as it happens: its kept events from any point on, and its progress in between.

use std::time::Duration;

use async_stream::stream;
use chrono::DateTime;
use escriba_database::{
    DatabaseError,
    jobs::{self, Job},
};
use escriba_domain::{ErrorKind, JobId, WorkspaceId};
use escriba_events::{JobEvent, v1::JobProgress};
use escriba_messaging::{Entrance, EventAt, MessagingError};
use futures_util::{Stream, StreamExt, stream::BoxStream};

use super::{App, queue_moves::Moved};

/// A job that was over before anybody listened says nothing new: its kept events come at once.
const SILENCE_OF_ENDED: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    #[error("There is no job {0}.")]
    NotFound(JobId),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Messaging(#[from] MessagingError),
}

impl FollowError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Database(error) => error.kind(),
            Self::Messaging(error) => error.kind(),
        }
    }
}

/// One thing that happened.
#[derive(Debug)]
pub enum Happening {
    /// Kept, with a place in the stream to resume from.
    Event(EventAt),
    /// Said once and forgotten.
    Progress(JobProgress),
    /// A waiting job has another place; said once and forgotten.
    Moved(Moved),
    /// Where a follower of a whole workspace came in.
    Entered(Entrance),
}

/// Ends after the event that ended the job.
pub async fn follow_job(
    app: &App,
    workspace: WorkspaceId,
    id: JobId,
    after: Option<u64>,
) -> Result<BoxStream<'static, Happening>, FollowError> {
    // Subscribed first, so that no progress falls between the two.
    let progress = app.messaging.follow_progress(workspace, id).await?;
    let events = app.messaging.replay_events(workspace, id, after).await?;
    let job = jobs::find(&app.db, workspace, id).await?.ok_or(FollowError::NotFound(id))?;
    let over = job.state.is_terminal();
    let db = app.db.clone();
    let look = move || {
        let db = db.clone();
        async move { jobs::find(&db, workspace, id).await }
    };
    Ok(Box::pin(merge(events, progress, over, look)))
}

fn merge<E, P, F, R>(events: E, progress: P, over: bool, look: F) -> impl Stream<Item = Happening> + Send
where
    E: Stream<Item = Result<EventAt, MessagingError>> + Send,
    P: Stream<Item = JobProgress> + Send,
    F: Fn() -> R + Send,
    R: Future<Output = Result<Option<Job>, DatabaseError>> + Send,
{
    stream! {
        tokio::pin!(events, progress);
        loop {
            tokio::select! {
                biased;
                event = events.next() => match event {
                    Some(Ok(event)) => {
                        let ends = event.event.is_terminal();
                        let (time, deleted) = (event.time.clone(), matches!(event.event, JobEvent::Deleted(_)));
                        yield Happening::Event(event);
                        if ends && (deleted || is_last(&time, look().await)) {
                            break;
                        }
                    }
                    Some(Err(error)) => {
                        tracing::warn!(%error, "an event stream broke off; its reader resumes it");
                        break;
                    }
                    None => break,
                },
                Some(progress) = progress.next() => yield Happening::Progress(progress),
                () = tokio::time::sleep(SILENCE_OF_ENDED), if over => break,
            }
        }
    }
}

/// Whether an event that ended the job tells of its present end: a job that was run again has an older one too.
fn is_last(time: &str, job: Result<Option<Job>, DatabaseError>) -> bool {
    match job {
        Ok(Some(job)) => {
            let time = DateTime::parse_from_rfc3339(time).ok().map(|time| time.to_utc());
            job.finished_at.is_some() && time >= job.finished_at
        }
        Ok(None) => true,
        Err(error) => {
            tracing::warn!(%error, "an event stream broke off; its reader resumes it");
            true
        }
    }
}
