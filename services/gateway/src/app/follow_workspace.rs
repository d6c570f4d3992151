//! What happens to all jobs of a workspace, as it happens: kept events from any point on, and progress in between.

use async_stream::stream;
use escriba_domain::{ErrorKind, JobId, WorkspaceId};
use escriba_messaging::{EventFilter, MessagingError};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};

use super::{App, follow_job::Happening};

/// What a follower wants to hear of.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The types of kept events, all where none is named; `None`: not one of them.
    pub types: Option<Vec<&'static str>>,
    /// Of one job, or of all.
    pub job: Option<JobId>,
    pub progress: Progress,
}

/// Whether progress is wanted, which comes many times a second from busy workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Told,
    LeftOut,
}

#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct FollowWorkspaceError(#[from] MessagingError);

impl FollowWorkspaceError {
    pub const fn kind(&self) -> ErrorKind {
        self.0.kind()
    }
}

/// First where the follower came in, then what happens. Ends only when the connection to the stream breaks.
pub async fn follow_workspace(
    app: &App,
    workspace: WorkspaceId,
    wanted: Wanted,
    after: Option<u64>,
) -> Result<BoxStream<'static, Happening>, FollowWorkspaceError> {
    // Subscribed first, so that no progress falls between the two.
    let progress = match (wanted.progress, wanted.job) {
        (Progress::LeftOut, _) => stream::pending().boxed(),
        (Progress::Told, Some(job)) => app.messaging.follow_progress(workspace, job).await?.boxed(),
        (Progress::Told, None) => app.messaging.follow_workspace_progress(workspace).await?.boxed(),
    };
    let is_any_kept = wanted.types.is_some();
    let filter = EventFilter { types: wanted.types.unwrap_or_default(), job: wanted.job };
    let (entrance, events) = app.messaging.replay_workspace(workspace, &filter, after).await?;
    let events = if is_any_kept { events.boxed() } else { stream::pending().boxed() };
    let happenings = stream! {
        yield Happening::Entered(entrance);
        let (mut events, mut progress) = (events, progress);
        loop {
            tokio::select! {
                biased;
                event = events.next() => match event {
                    Some(Ok(event)) => yield Happening::Event(event),
                    Some(Err(error)) => {
                        tracing::warn!(%error, "an event stream broke off; its reader resumes it");
                        break;
                    }
                    None => break,
                },
                Some(progress) = progress.next() => yield Happening::Progress(progress),
            }
        }
    };
    Ok(happenings.boxed())
}
