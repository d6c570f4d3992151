//! The relay: in order, each message once, headers and all.

use escriba_domain::{JobId, WorkspaceId};
use escriba_events::{Headers, JobEvent, event_message, job_canceled};
use escriba_messaging::run_relay;
use tokio_util::sync::CancellationToken;

use crate::server::{append, ids, messages, migrated_databases, outbox_is_empty, server};

#[tokio::test]
async fn what_was_committed_is_published_in_order_and_forgotten() {
    for (db, _database) in migrated_databases().await {
        let server = server().await;
        let messages = messages(150);
        append(&db, &messages[..40]).await;
        let shutdown = CancellationToken::new();
        let relay = tokio::spawn(run_relay(db.clone(), server.messaging.clone(), shutdown.clone()));
        for few in messages[40..].chunks(30) {
            append(&db, few).await;
        }
        outbox_is_empty(&db).await;
        assert_eq!(server.stored_ids("EVENTS").await, ids(&messages));
        shutdown.cancel();
        relay.await.unwrap();
    }
}

#[tokio::test]
async fn a_message_published_again_under_its_id_is_stored_once() {
    for (db, _database) in migrated_databases().await {
        let server = server().await;
        let messages = messages(3);
        // As after a crash between the acknowledgement and the deletion of the row.
        for _ in 0..2 {
            append(&db, &messages).await;
            publish_all(&db, &server.messaging).await;
        }
        outbox_is_empty(&db).await;
        assert_eq!(server.stored_ids("EVENTS").await, ids(&messages));
    }
}

#[tokio::test]
async fn two_relays_on_one_outbox_publish_each_message_once() {
    for (db, _database) in migrated_databases().await {
        let server = server().await;
        let messages = messages(100);
        append(&db, &messages).await;
        tokio::join!(publish_all(&db, &server.messaging), publish_all(&db, &server.messaging));
        outbox_is_empty(&db).await;
        assert_eq!(server.stored_ids("EVENTS").await, ids(&messages));
    }
}

#[tokio::test]
async fn what_was_committed_before_shutdown_is_still_published() {
    for (db, _database) in migrated_databases().await {
        let server = server().await;
        let messages = messages(5);
        append(&db, &messages).await;
        publish_all(&db, &server.messaging).await;
        assert_eq!(server.stored_ids("EVENTS").await, ids(&messages));
        outbox_is_empty(&db).await;
    }
}

#[tokio::test]
async fn cloudevents_and_trace_headers_travel_with_the_payload() {
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for (db, _database) in migrated_databases().await {
        let server = server().await;
        let trace = Headers::from([
            ("traceparent".to_owned(), PARENT.to_owned()),
            ("tracestate".to_owned(), "vendor=1".to_owned()),
        ]);
        let event = job_canceled(WorkspaceId::new(), JobId::new());
        let message = event_message(&event, chrono::Utc::now(), &trace);
        append(&db, std::slice::from_ref(&message)).await;
        publish_all(&db, &server.messaging).await;

        let stored = server.stored("EVENTS").await.remove(0);
        assert_eq!(stored.subject.as_str(), message.subject);
        for (name, value) in &message.headers {
            assert_eq!(stored.headers.get(name.as_str()).unwrap().as_str(), value, "{name}");
        }
        assert_eq!(stored.headers.get("Nats-Msg-Id").unwrap().as_str(), message.headers["ce-id"]);
        assert_eq!(stored.headers.get("traceparent").unwrap().as_str(), PARENT);
        assert_eq!(JobEvent::decode(&message.headers["ce-type"], &stored.payload).unwrap(), event);
        outbox_is_empty(&db).await;
    }
}

/// One last run of a relay that was told to stop.
async fn publish_all(db: &escriba_database::Database, messaging: &escriba_messaging::Messaging) {
    let stopped = CancellationToken::new();
    stopped.cancel();
    run_relay(db.clone(), messaging.clone(), stopped).await;
}
