//! Work items that nobody will ever be given: they are on the stream, and their consumer takes them for delivered and
//! acknowledged. Seen with nats-server 2.15 where its store was deleted while work was held: acknowledgements of the old
//! stream counted for the new one. A consumer that is made anew starts from what is there; what is delivered twice by
//! that is refused once.

use std::collections::HashMap;

use async_nats::jetstream::consumer::Info;
use escriba_events::WORK;
use futures_util::TryStreamExt;

use crate::{Messaging, MessagingError};

/// How many work items each consumer had lost sight of at the last look.
#[derive(Debug, Default)]
pub struct LostSight(HashMap<String, u64>);

impl Messaging {
    /// Makes the consumers anew that have lost sight of work items now and had at the last look: in between, items on
    /// their way look the same. Says how many it made anew.
    pub async fn find_lost_work(&self, last: &mut LostSight) -> Result<usize, MessagingError> {
        let failed = |error: async_nats::Error| MessagingError::jetstream("look for lost work")(error);
        let stream = self.jetstream.get_stream(WORK.name).await.map_err(|error| failed(error.into()))?;
        let consumers: Vec<Info> = stream.consumers().try_collect().await.map_err(|error| failed(error.into()))?;
        let in_sight = |info: &Info| info.num_pending + u64::try_from(info.num_ack_pending).unwrap_or_default();
        let mut now = HashMap::new();
        // Counting by subject is dear where there are many, and nearly always needless.
        if stream.cached_info().state.messages > consumers.iter().map(in_sight).sum() {
            for info in &consumers {
                let stored = self.stored_of(&info.config.filter_subject).await?;
                if stored > in_sight(info) {
                    now.insert(info.name.clone(), stored - in_sight(info));
                }
            }
        }
        let mut renewed = 0;
        for name in now.keys().filter(|name| last.0.contains_key(*name)) {
            tracing::warn!(consumer = name, "a consumer lost sight of work; it is made anew");
            stream.delete_consumer(name).await.map_err(|error| failed(error.into()))?;
            renewed += 1;
        }
        if renewed > 0 {
            now.clear();
        }
        last.0 = now;
        Ok(renewed)
    }
}
