//! Makes the server's streams and consumers agree with the declared ones.

use std::time::Duration;

use async_nats::jetstream::{
    consumer::{AckPolicy, Consumer, DeliverPolicy, pull},
    stream::{Config, DiscardPolicy, RetentionPolicy, StorageType},
};
use escriba_domain::{Lane, ModelName};
use escriba_events::{Retention, STREAMS, StreamPlan, WORK, work_consumer};

use crate::{Messaging, MessagingError};

impl Messaging {
    /// Creates or updates the streams. `replicas` is 1 on one machine, 3 in a cluster; it is remembered for
    /// [`Self::declare_streams_again`].
    pub async fn declare_streams(&self, replicas: usize) -> Result<(), MessagingError> {
        let replicas = *self.replicas.get_or_init(|| replicas);
        for plan in &STREAMS {
            self.jetstream
                .create_or_update_stream(config(plan, replicas))
                .await
                .map_err(|error| MessagingError::jetstream("declare a stream")(error.into()))?;
        }
        Ok(())
    }

    /// Makes streams that vanished, as with a deleted store, exist again. A process that never declared them leaves
    /// that to others, because it does not know how many copies there should be.
    pub(crate) async fn declare_streams_again(&self) -> Result<(), MessagingError> {
        match self.replicas.get() {
            Some(&replicas) => self.declare_streams(replicas).await,
            None => Ok(()),
        }
    }

    /// Creates or updates the consumer of one lane and model.
    pub(crate) async fn work_consumer(
        &self,
        lane: Lane,
        model: &ModelName,
    ) -> Result<Consumer<pull::Config>, MessagingError> {
        let failed = MessagingError::jetstream("declare a consumer");
        let plan = work_consumer(lane, model);
        let config = pull::Config {
            durable_name: Some(plan.name),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: plan.ack_wait,
            max_deliver: plan.max_deliver,
            max_ack_pending: plan.max_ack_pending,
            filter_subject: plan.filter,
            ..pull::Config::default()
        };
        self.jetstream.create_consumer_on_stream(config, WORK.name).await.map_err(|error| failed(error.into()))
    }

    /// How many messages a stream holds.
    pub async fn stored_messages(&self, stream: &StreamPlan) -> Result<u64, MessagingError> {
        let failed = |error: async_nats::Error| MessagingError::jetstream("read a stream")(error);
        let mut found = self.jetstream.get_stream(stream.name).await.map_err(|error| failed(error.into()))?;
        Ok(found.info().await.map_err(|error| failed(error.into()))?.state.messages)
    }
}

fn config(plan: &StreamPlan, replicas: usize) -> Config {
    let (retention, discard, max_age) = match plan.retention {
        Retention::WorkQueue => (RetentionPolicy::WorkQueue, DiscardPolicy::New, Duration::ZERO),
        Retention::Limits { max_age } => (RetentionPolicy::Limits, DiscardPolicy::Old, max_age),
    };
    Config {
        name: plan.name.to_owned(),
        subjects: vec![plan.subjects.to_owned()],
        retention,
        discard,
        max_age,
        max_bytes: plan.max_bytes,
        max_message_size: plan.max_message_size,
        duplicate_window: plan.duplicate_window,
        storage: StorageType::File,
        num_replicas: replicas,
        allow_direct: true,
        ..Config::default()
    }
}
