//! The streams and consumers, declared in this one place; `messaging` makes the server agree.
//!
//! Why these settings: work is a queue whose items are deleted once acknowledged, must never be dropped to make room,
//! and is small. Acknowledgement waits a minute because a living worker renews it far more often; there is no backoff
//! list, because its first step would replace that wait. Attempts are counted in SQL, and there is no limit on
//! deliveries: a work item that was given back too often would stay on the stream and never be given to anybody.

use std::time::Duration;

use escriba_domain::{Lane, ModelName};

/// How a stream lets go of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// Gone once acknowledged; new messages are refused when it is full.
    WorkQueue,
    /// Gone by age or size.
    Limits { max_age: Duration },
}

/// One stream.
#[derive(Debug, Clone, Copy)]
pub struct StreamPlan {
    pub name: &'static str,
    pub subjects: &'static str,
    pub retention: Retention,
    pub max_bytes: i64,
    pub max_message_size: i32,
    /// Repeats of a message id within this time are recognised.
    pub duplicate_window: Duration,
}

const DAY: u64 = 24 * 60 * 60;

/// Work items: `work.<lane>.<model>.<job>`.
pub const WORK: StreamPlan = StreamPlan {
    name: "WORK",
    subjects: "work.>",
    retention: Retention::WorkQueue,
    max_bytes: 256 << 20,
    max_message_size: 64 << 10,
    duplicate_window: Duration::from_mins(2),
};

/// Job events: `events.job.<type>.<workspace>.<job>`.
pub const EVENTS: StreamPlan = StreamPlan {
    name: "EVENTS",
    subjects: "events.job.>",
    retention: Retention::Limits { max_age: Duration::from_secs(7 * DAY) },
    max_bytes: 4 << 30,
    max_message_size: 1 << 20,
    duplicate_window: Duration::from_mins(2),
};

/// All streams. Each carries what its subjects match, and no message is of two.
pub const STREAMS: [StreamPlan; 2] = [WORK, EVENTS];

impl StreamPlan {
    /// What the stream's subjects begin with, such as `work.`.
    pub fn subject_prefix(&self) -> &'static str {
        self.subjects.strip_suffix('>').unwrap_or(self.subjects)
    }
}

/// A durable pull consumer of WORK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerPlan {
    pub name: String,
    pub filter: String,
    pub ack_wait: Duration,
    pub max_deliver: i64,
    pub max_ack_pending: i64,
}

/// The consumer of one lane and model.
pub fn work_consumer(lane: Lane, model: &ModelName) -> ConsumerPlan {
    let token = model.subject_token();
    ConsumerPlan {
        name: format!("{lane}-{token}"),
        filter: format!("work.{lane}.{token}.*"),
        ack_wait: Duration::from_mins(1),
        max_deliver: -1,
        max_ack_pending: 1024,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consumers_of_two_models_never_overlap() {
        let dotted = work_consumer(Lane::Batch, &"tiny.en".parse().unwrap());
        let plain = work_consumer(Lane::Batch, &"tiny".parse().unwrap());
        assert_eq!(dotted.filter, "work.batch.tiny~en.*");
        assert_eq!(plain.filter, "work.batch.tiny.*");
        assert!(!dotted.name.contains('.'));
    }

    #[test]
    fn every_message_is_of_one_stream() {
        let streams_of = |subject: &str| {
            let of = |stream: &&StreamPlan| subject.starts_with(stream.subject_prefix());
            STREAMS.iter().filter(of).map(|stream| stream.name).collect::<Vec<_>>()
        };
        let job = escriba_domain::JobId::new();
        let work = crate::work_item::work_subject(Lane::Batch, &"tiny.en".parse().unwrap(), job);
        assert_eq!(streams_of(&work), ["WORK"]);
        assert_eq!(streams_of(&crate::job_canceled(escriba_domain::WorkspaceId::new(), job).subject()), ["EVENTS"]);
    }
}
