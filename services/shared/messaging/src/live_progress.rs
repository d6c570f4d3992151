//! Progress over core NATS: said and forgotten.

use async_nats::Subscriber;
use escriba_domain::{JobId, WorkspaceId};
use escriba_events::{progress_subject, v1::JobProgress, workspace_progress_filter};
use futures_util::{Stream, StreamExt};
use prost::Message as _;

use crate::{Messaging, MessagingError};

impl Messaging {
    /// Tells whoever listens. Nobody listening, or NATS away, is no error: the next one says more.
    pub async fn tell_progress(&self, workspace: WorkspaceId, job: JobId, progress: &JobProgress) {
        // What is said into a lost connection would be kept, come out late, and in the end hold up whoever says it.
        if self.ping().is_err() {
            return;
        }
        let subject = progress_subject(workspace, job);
        if let Err(error) = self.client.publish(subject, progress.encode_to_vec().into()).await {
            tracing::debug!(%error, %job, "progress was not told");
        }
    }

    /// Progress of one job from now on.
    pub async fn follow_progress(
        &self,
        workspace: WorkspaceId,
        job: JobId,
    ) -> Result<impl Stream<Item = JobProgress> + Send + use<>, MessagingError> {
        let subscription =
            self.client.subscribe(progress_subject(workspace, job)).await.map_err(|_| MessagingError::Disconnected)?;
        Ok(read(subscription))
    }

    /// Progress of all of a workspace's jobs from now on.
    pub async fn follow_workspace_progress(
        &self,
        workspace: WorkspaceId,
    ) -> Result<impl Stream<Item = JobProgress> + Send + use<>, MessagingError> {
        let filter = workspace_progress_filter(workspace);
        let subscription = self.client.subscribe(filter).await.map_err(|_| MessagingError::Disconnected)?;
        Ok(read(subscription))
    }
}

fn read(subscription: Subscriber) -> impl Stream<Item = JobProgress> + Send + use<> {
    subscription.filter_map(|message| async move { JobProgress::decode(message.payload).ok() })
}
