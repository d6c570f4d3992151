//! A server for each test, and a view of its streams that does not go through the code under test.

use std::collections::BTreeSet;

use async_nats::jetstream::{self, message::StreamMessage};
use escriba_database::{Database, outbox};
use escriba_domain::{ChunkId, JobId, Lane, OutboxId, WorkspaceId};
use escriba_events::{Headers, Message, WorkItem, work_message};
use escriba_messaging::Messaging;
use escriba_test_support::{Nats, TestDatabase, databases, eventually};

pub(crate) struct Server {
    pub(crate) nats: Nats,
    pub(crate) messaging: Messaging,
    pub(crate) raw: jetstream::Context,
}

/// A server with the declared streams.
pub(crate) async fn server() -> Server {
    let nats = Nats::start();
    let messaging = Messaging::connect(&nats.url(), "test").await.unwrap();
    messaging.declare_streams(1).await.unwrap();
    let raw = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    Server { nats, messaging, raw }
}

impl Server {
    /// Puts a message on a stream as the relay would.
    pub(crate) async fn publish(&self, message: Message) {
        let mut headers = async_nats::HeaderMap::new();
        for (name, value) in &message.headers {
            headers.insert(name.as_str(), value.as_str());
        }
        let sent = self.raw.publish_with_headers(message.subject, headers, message.payload.into()).await;
        sent.unwrap().await.unwrap();
    }

    /// Everything a stream holds, oldest first.
    pub(crate) async fn stored(&self, stream: &str) -> Vec<StreamMessage> {
        let mut stream = self.raw.get_stream(stream).await.unwrap();
        let state = stream.info().await.unwrap().state.clone();
        let mut found = Vec::new();
        for sequence in state.first_sequence..=state.last_sequence {
            if let Ok(message) = stream.get_raw_message(sequence).await {
                found.push(message);
            }
        }
        found
    }

    pub(crate) async fn stored_ids(&self, stream: &str) -> Vec<String> {
        let id = |message: &StreamMessage| message.headers.get("Nats-Msg-Id").unwrap().to_string();
        self.stored(stream).await.iter().map(id).collect()
    }

    pub(crate) async fn no_work_is_left(&self) {
        eventually("WORK is empty", async || {
            (self.messaging.stored_messages(&escriba_events::WORK).await.ok()? == 0).then_some(())
        })
        .await;
    }
}

/// Each engine, migrated.
pub(crate) async fn migrated_databases() -> Vec<(Database, TestDatabase)> {
    let mut migrated = Vec::new();
    for database in databases() {
        eprintln!("on {}", database.name);
        let db = Database::connect(&database.url).await.unwrap();
        db.migrate().await.unwrap();
        migrated.push((db, database));
    }
    migrated
}

pub(crate) async fn append(db: &Database, messages: &[Message]) {
    let tx = db.begin().await.unwrap();
    for message in messages {
        outbox::append(&tx, message.clone()).await.unwrap();
    }
    tx.commit().await.unwrap();
}

pub(crate) async fn outbox_is_empty(db: &Database) {
    eventually("the outbox is empty", async || (outbox::count(db).await.unwrap() == 0).then_some(())).await;
}

/// One job's messages for EVENTS, told apart by their ids.
pub(crate) fn messages(count: usize) -> Vec<Message> {
    messages_of(&[JobId::new()], count)
}

/// Messages of several jobs for EVENTS, in turns.
pub(crate) fn messages_of(jobs: &[JobId], count: usize) -> Vec<Message> {
    let message = |nth: usize| Message {
        id: OutboxId::new(),
        job: jobs[nth % jobs.len()],
        subject: format!("events.job.test.acme.{}", jobs[nth % jobs.len()]),
        headers: Headers::from([("ce-type".to_owned(), "escriba.job.test.v1".to_owned())]),
        payload: nth.to_string().into_bytes(),
    };
    (0..count).map(message).collect()
}

pub(crate) fn ids(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|message| message.id.to_string()).collect()
}

/// Each was stored once, and those of a job in their order.
pub(crate) async fn stored_once_in_order(server: &Server, stream: &str, messages: &[Message]) {
    let stored = server.stored_ids(stream).await;
    assert_eq!(stored.len(), messages.len(), "each once");
    let jobs: BTreeSet<JobId> = messages.iter().map(|message| message.job).collect();
    for job in jobs {
        let written: Vec<String> =
            messages.iter().filter(|message| message.job == job).map(|message| message.id.to_string()).collect();
        let arrived: Vec<&String> = stored.iter().filter(|id| written.contains(id)).collect();
        assert_eq!(arrived, written.iter().collect::<Vec<_>>(), "job {job}");
    }
}

pub(crate) fn work_item(lane: Lane) -> WorkItem {
    WorkItem {
        workspace_id: WorkspaceId::new(),
        job_id: JobId::new(),
        chunk_id: ChunkId::new(),
        lane,
        model: "tiny.en".parse().unwrap(),
        ring: 1,
    }
}

pub(crate) fn doorbell(item: &WorkItem) -> Message {
    work_message(item, &Headers::new())
}
