//! What becomes of a job, for those who wait for it, however long that takes. Events wake whoever watches; what counts
//! is the job's row, and while events cannot be had that is looked at every now and then.

use std::{sync::Arc, time::Duration};

use async_stream::stream;
use escriba_database::jobs::{self, Job};
use escriba_domain::{JobId, WorkspaceId};
use escriba_events::JobEvent;
use futures_util::{Stream, StreamExt};

use super::{
    App,
    follow_job::{FollowError, Happening, follow_job},
};

/// After this the row is looked at again where events broke off.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// So many kept events are taken for one: somebody who joins a job late hears all of them at once.
const AT_ONCE: usize = 256;

/// Something that whoever watches a job should know.
#[derive(Debug)]
pub(super) enum Step {
    /// More of its transcript may be there.
    Grown,
    /// It is over, and this is how it stands; `None`: it was deleted.
    Over(Option<Box<Job>>),
}

/// Ends with [`Step::Over`].
pub(super) fn watch_job(app: Arc<App>, workspace: WorkspaceId, id: JobId) -> impl Stream<Item = Step> + Send {
    stream! {
        let mut after = None;
        loop {
            match jobs::find(&app.db, workspace, id).await {
                Ok(Some(job)) if !job.state.is_terminal() => {}
                Ok(over) => {
                    yield Step::Over(over.map(Box::new));
                    break;
                }
                Err(error) => tracing::warn!(%error, job = %id, "a job that is waited for cannot be looked at"),
            }
            let mut has_ended = false;
            match follow_job(&app, workspace, id, after).await {
                Ok(happenings) => {
                    let mut batches = happenings.ready_chunks(AT_ONCE);
                    while let Some(batch) = batches.next().await {
                        let mut has_grown = false;
                        for happening in batch {
                            let Happening::Event(at) = happening else { continue };
                            after = Some(at.sequence);
                            has_grown |= matches!(at.event, JobEvent::SegmentsAdded(_));
                            has_ended = at.event.is_terminal();
                        }
                        if has_grown {
                            yield Step::Grown;
                        }
                    }
                }
                Err(FollowError::NotFound(_)) => has_ended = true,
                Err(error) => tracing::warn!(%error, job = %id, "the events of a job that is waited for are away"),
            }
            if !has_ended {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    }
}
