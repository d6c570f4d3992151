//! A job's server-sent events, read one by one. Nothing is left out and nothing put in order.

use std::time::Duration;

use eventsource_stream::Eventsource;
use futures_util::{StreamExt, stream::BoxStream};
use reqwest::Response;
use serde_json::Value;
use tokio::time::timeout;

/// Far longer than anything happens to take between two events; it turns a hang into a failure.
const PATIENCE: Duration = Duration::from_mins(3);

/// One event as it came.
#[derive(Debug, Clone)]
pub struct Event {
    /// Such as `job.queued`.
    pub name: String,
    /// Where a reader can resume; progress has none.
    pub id: Option<u64>,
    pub data: Value,
}

/// The events of one request.
pub struct Events {
    stream: BoxStream<'static, Event>,
}

impl Events {
    pub(super) fn read(response: Response) -> Self {
        let mut last_id = String::new();
        let stream = response.bytes_stream().eventsource().map(move |event| {
            let event = event.expect("the stream does not break off");
            // An event without an id of its own shows the one before it.
            let own = !event.id.is_empty() && event.id != last_id;
            if own {
                last_id.clone_from(&event.id);
            }
            Event {
                id: own.then(|| event.id.parse().expect("ids are numbers")),
                data: serde_json::from_str(&event.data).expect("events are JSON"),
                name: event.event,
            }
        });
        Self { stream: stream.boxed() }
    }

    /// The next event; `None` when the server has ended the stream.
    pub async fn next(&mut self) -> Option<Event> {
        timeout(PATIENCE, self.stream.next()).await.expect("something happens to the job")
    }

    /// Waits for an event of this name. Those before it are passed over.
    pub async fn until(&mut self, name: &str) -> Event {
        loop {
            let event = self.next().await.unwrap_or_else(|| panic!("the stream ended before {name}"));
            if event.name == name {
                return event;
            }
        }
    }

    /// All events up to the end of the stream.
    pub async fn rest(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}
