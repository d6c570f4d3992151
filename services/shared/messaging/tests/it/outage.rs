//! NATS dies without warning and comes back: the outbox remembers, and the order holds.

use escriba_domain::Lane;
use escriba_messaging::run_relay;
use escriba_test_support::eventually;
use tokio_util::sync::CancellationToken;

use crate::server::{append, doorbell, ids, messages, migrated_databases, outbox_is_empty, server, work_item};

#[tokio::test]
async fn messages_committed_while_nats_is_away_are_published_when_it_is_back() {
    for (db, _database) in migrated_databases().await {
        let mut server = server().await;
        let shutdown = CancellationToken::new();
        let relay = tokio::spawn(run_relay(db.clone(), server.messaging.clone(), shutdown.clone()));
        let messages = messages(130);
        append(&db, &messages[..10]).await;
        outbox_is_empty(&db).await;
        server.nats.kill();
        append(&db, &messages[10..]).await;
        server.nats.restart();
        outbox_is_empty(&db).await;
        assert_eq!(server.stored_ids("EVENTS").await, ids(&messages));
        shutdown.cancel();
        relay.await.unwrap();
    }
}

/// The messages are large, so that a kill finds some of them stored, some on the way and some still in the client.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_killed_in_the_middle_of_publishing_loses_and_reorders_nothing() {
    for (db, _database) in migrated_databases().await {
        let mut server = server().await;
        let mut messages = messages(64);
        for message in &mut messages {
            message.payload.resize(256 << 10, b'.');
        }
        append(&db, &messages).await;
        let shutdown = CancellationToken::new();
        let relay = tokio::spawn(run_relay(db.clone(), server.messaging.clone(), shutdown.clone()));
        for round in 0..3 {
            eventually("publishing goes on", async || {
                let stored = server.messaging.stored_messages(&escriba_events::EVENTS).await.ok()?;
                (stored > 16 * round).then_some(())
            })
            .await;
            server.nats.kill();
            server.nats.restart();
        }
        outbox_is_empty(&db).await;
        assert_eq!(server.stored_ids("EVENTS").await, ids(&messages));
        shutdown.cancel();
        relay.await.unwrap();
    }
}

#[tokio::test]
async fn work_that_was_acknowledged_to_the_relay_survives_a_kill() {
    for (db, _database) in migrated_databases().await {
        let mut server = server().await;
        let doorbells: Vec<_> = (0..50).map(|_| doorbell(&work_item(Lane::Batch))).collect();
        append(&db, &doorbells).await;
        let shutdown = CancellationToken::new();
        let relay = tokio::spawn(run_relay(db.clone(), server.messaging.clone(), shutdown.clone()));
        outbox_is_empty(&db).await;
        server.nats.kill();
        server.nats.restart();
        let stored = eventually("the stream is back", async || {
            server.messaging.stored_messages(&escriba_events::WORK).await.ok()
        })
        .await;
        assert_eq!(stored, 50);
        assert_eq!(server.stored_ids("WORK").await, ids(&doorbells));
        shutdown.cancel();
        relay.await.unwrap();
    }
}
