//! How much work waits in the queue, and taking a job's work out of it. Nothing is decided by these numbers: SQL knows
//! which chunks are queued.

use async_nats::jetstream::{
    ErrorCode,
    consumer::{Consumer, pull},
    stream::{ConsumerErrorKind, PurgeErrorKind},
};
use escriba_domain::{JobId, Lane, ModelName};
use escriba_events::{WORK, work_consumer, work_subject};
use futures_util::TryStreamExt;

use crate::{Messaging, MessagingError};

/// The work items of one lane and model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WorkDepth {
    /// Not delivered to anybody yet.
    pub waiting: u64,
    /// Delivered and not acknowledged: with a worker, or to be delivered again.
    pub taken: u64,
}

impl Messaging {
    /// How many work items there are. A stream that is gone holds none.
    pub async fn work_depth(&self, lane: Lane, model: &ModelName) -> Result<WorkDepth, MessagingError> {
        let plan = work_consumer(lane, model);
        let found: Result<Consumer<pull::Config>, _> =
            self.jetstream.get_consumer_from_stream(&plan.name, WORK.name).await;
        match found {
            Ok(consumer) => {
                let info = consumer.cached_info();
                let taken = u64::try_from(info.num_ack_pending).unwrap_or_default();
                Ok(WorkDepth { waiting: info.num_pending, taken })
            }
            Err(error) => match error.kind() {
                ConsumerErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                    Ok(WorkDepth::default())
                }
                // No worker has asked for this model yet.
                ConsumerErrorKind::JetStream(error) if error.error_code() == ErrorCode::CONSUMER_NOT_FOUND => {
                    Ok(WorkDepth { waiting: self.stored_of(&plan.filter).await?, taken: 0 })
                }
                _ => Err(MessagingError::jetstream("look at the queue")(error.into())),
            },
        }
    }

    /// How many messages of WORK have such a subject.
    pub(crate) async fn stored_of(&self, filter: &str) -> Result<u64, MessagingError> {
        let failed = |error: async_nats::Error| MessagingError::jetstream("look at the queue")(error);
        let stream = self.jetstream.get_stream_no_info(WORK.name).await.map_err(|error| failed(error.into()))?;
        let subjects = stream.info_with_subjects(filter).await.map_err(|error| failed(error.into()))?;
        let sum = |sum: u64, (_, messages): (String, usize)| async move {
            Ok(sum + u64::try_from(messages).unwrap_or_default())
        };
        subjects.try_fold(0, sum).await.map_err(|error| failed(error.into()))
    }

    /// Takes a job's work items out of the queue, delivered or not, and says how many there were. Whoever was given
    /// one is not told, and its acknowledgement does no harm.
    pub async fn purge_work(&self, lane: Lane, model: &ModelName, job: JobId) -> Result<u64, MessagingError> {
        let failed = |error: async_nats::Error| MessagingError::jetstream("take work out of the queue")(error);
        let stream = self.jetstream.get_stream_no_info(WORK.name).await.map_err(|error| failed(error.into()))?;
        match stream.purge().filter(work_subject(lane, model, job)).await {
            Ok(response) => Ok(response.purged),
            Err(error) => match error.kind() {
                PurgeErrorKind::JetStream(refused) if refused.error_code() == ErrorCode::STREAM_NOT_FOUND => Ok(0),
                _ => Err(failed(error.into())),
            },
        }
    }
}
