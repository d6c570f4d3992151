//! What JetStream does not take keeps back what must come after it, and nothing else.

use escriba_domain::{JobId, Lane};
use escriba_events::{Message, WORK};
use escriba_messaging::run_relay;
use escriba_test_support::eventually;
use tokio_util::sync::CancellationToken;

use crate::server::{
    Server, append, doorbell, ids, messages, messages_of, migrated_databases, outbox_is_empty, server,
    stored_once_in_order, work_item,
};

async fn change(server: &Server, stream: &str, change: impl FnOnce(&mut async_nats::jetstream::stream::Config)) {
    let mut found = server.raw.get_stream(stream).await.unwrap();
    let mut config = found.info().await.unwrap().config.clone();
    change(&mut config);
    server.raw.update_stream(config).await.unwrap();
}

async fn stored(server: &Server, stream: &str, count: usize) {
    eventually("they are stored", async || (server.stored_ids(stream).await.len() == count).then_some(())).await;
}

#[tokio::test]
async fn a_full_work_stream_holds_up_no_events_and_takes_its_messages_later() {
    for (db, _database) in migrated_databases().await {
        let server = server().await;
        change(&server, "WORK", |config| config.max_bytes = 4096).await;
        let work: Vec<Message> = (0..1000).map(|_| doorbell(&work_item(Lane::Batch))).collect();
        let events = messages(20);
        append(&db, &work).await;
        append(&db, &events).await;
        let shutdown = CancellationToken::new();
        let relay = tokio::spawn(run_relay(db.clone(), server.messaging.clone(), shutdown.clone()));
        stored(&server, "EVENTS", 20).await;
        assert_eq!(server.stored_ids("EVENTS").await, ids(&events));
        assert!(server.messaging.stored_messages(&WORK).await.unwrap() < 100);
        server.messaging.declare_streams(1).await.unwrap();
        outbox_is_empty(&db).await;
        stored_once_in_order(&server, "WORK", &work).await;
        shutdown.cancel();
        relay.await.unwrap();
    }
}

/// Several pages of refused messages at the head of the outbox.
#[tokio::test]
async fn messages_too_large_at_the_head_keep_back_their_own_jobs_alone() {
    for (db, _database) in migrated_databases().await {
        let server = server().await;
        change(&server, "WORK", |config| config.max_message_size = 1024).await;
        let huge: Vec<Message> =
            (0..500).map(|_| Message { payload: vec![b'.'; 2048], ..doorbell(&work_item(Lane::Batch)) }).collect();
        let after_huge = Message { job: huge[0].job, ..doorbell(&work_item(Lane::Batch)) };
        let work: Vec<Message> = (0..20).map(|_| doorbell(&work_item(Lane::Batch))).collect();
        append(&db, &huge).await;
        append(&db, std::slice::from_ref(&after_huge)).await;
        append(&db, &work).await;
        let shutdown = CancellationToken::new();
        let relay = tokio::spawn(run_relay(db.clone(), server.messaging.clone(), shutdown.clone()));
        stored(&server, "WORK", 20).await;
        stored_once_in_order(&server, "WORK", &work).await;
        eventually("the others are forgotten", async || {
            (escriba_database::outbox::count(&db).await.unwrap() == 501).then_some(())
        })
        .await;
        // Somebody raises the limit.
        server.messaging.declare_streams(1).await.unwrap();
        outbox_is_empty(&db).await;
        stored_once_in_order(&server, "WORK", &[huge, vec![after_huge], work].concat()).await;
        shutdown.cancel();
        relay.await.unwrap();
    }
}

#[tokio::test]
async fn an_event_larger_than_any_message_may_be_keeps_back_its_job_alone() {
    for (db, _database) in migrated_databases().await {
        let server = server().await;
        let (stuck, free) = (JobId::new(), JobId::new());
        let mut events = messages_of(&[stuck, free], 12);
        events[4].payload.resize(2 << 20, b'.');
        append(&db, &events).await;
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        run_relay(db.clone(), server.messaging.clone(), shutdown).await;
        let expected: Vec<Message> = (events.into_iter().enumerate())
            .filter(|(nth, message)| message.job == free || *nth < 4)
            .map(|(_, message)| message)
            .collect();
        stored_once_in_order(&server, "EVENTS", &expected).await;
        assert_eq!(escriba_database::outbox::count(&db).await.unwrap(), 4);
    }
}
