//! Relays of several gateways over one outbox: one publishes, and another takes over.

use std::{sync::mpsc, thread, time::Duration};

use escriba_database::Database;
use escriba_domain::JobId;
use escriba_events::{EVENTS, Message, WORK};
use escriba_messaging::{Messaging, run_relay};
use escriba_test_support::{PATIENCE, eventually};
use futures_util::StreamExt;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::server::{
    Server, append, doorbell, messages, messages_of, migrated_databases, outbox_is_empty, server, stored_once_in_order,
    work_item,
};

/// A gateway's relay, with connections of its own.
struct Gateway {
    db: Database,
    shutdown: CancellationToken,
    relay: JoinHandle<()>,
}

async fn gateway(database: &str, nats: &str) -> Gateway {
    let db = Database::connect(database).await.unwrap();
    let messaging = Messaging::connect(nats, "gateway").await.unwrap();
    messaging.declare_streams(1).await.unwrap();
    let shutdown = CancellationToken::new();
    let relay = tokio::spawn(run_relay(db.clone(), messaging, shutdown.clone()));
    Gateway { db, shutdown, relay }
}

impl Gateway {
    async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.relay).await.expect("the relay stops").unwrap();
    }
}

fn large_messages(jobs: usize, count: usize) -> Vec<Message> {
    let jobs: Vec<JobId> = (0..jobs).map(|_| JobId::new()).collect();
    let mut messages = messages_of(&jobs, count);
    for message in &mut messages {
        message.payload.resize(64 << 10, b'.');
    }
    messages
}

async fn more_are_stored_than(server: &Server, count: u64) {
    eventually("publishing goes on", async || {
        (server.messaging.stored_messages(&EVENTS).await.ok()? > count).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_leader_is_killed_another_takes_over_and_nothing_comes_twice() {
    for (db, database) in migrated_databases().await {
        let server = server().await;
        let messages = large_messages(7, 240);
        append(&db, &messages[..120]).await;
        let leader = gateway(&database.url, &server.nats.url()).await;
        more_are_stored_than(&server, 20).await;
        let next = gateway(&database.url, &server.nats.url()).await;
        leader.relay.abort();
        append(&next.db, &messages[120..180]).await;
        append(&leader.db, &messages[180..]).await;
        outbox_is_empty(&db).await;
        stored_once_in_order(&server, "EVENTS", &messages).await;
        next.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_relays_survive_a_nats_that_is_killed_and_restarted() {
    for (db, database) in migrated_databases().await {
        let mut server = server().await;
        let messages = large_messages(5, 200);
        let url = server.nats.url();
        let (one, other) = (gateway(&database.url, &url).await, gateway(&database.url, &url).await);
        for (round, few) in (0..).zip(messages.chunks(50)) {
            append(if round % 2 == 0 { &one.db } else { &other.db }, few).await;
            more_are_stored_than(&server, round * 50 + 5).await;
            server.nats.kill();
            server.nats.restart();
        }
        outbox_is_empty(&db).await;
        stored_once_in_order(&server, "EVENTS", &messages).await;
        one.stop().await;
        other.stop().await;
    }
}

/// The leader's whole runtime stands still until another has published everything, and then goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_was_frozen_does_not_go_on_where_it_was() {
    for (db, database) in migrated_databases().await {
        let server = server().await;
        let messages = large_messages(6, 200);
        append(&db, &messages).await;
        let (thaw, frozen) = mpsc::channel::<()>();
        let shutdown = CancellationToken::new();
        let leader = thread::spawn({
            let (database, nats, shutdown) = (database.url.clone(), server.nats.url(), shutdown.clone());
            let watching = server.messaging.clone();
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let leader = gateway(&database, &nats).await;
                    eventually("it publishes", async || {
                        (watching.stored_messages(&EVENTS).await.ok()? > 10).then_some(())
                    })
                    .await;
                    frozen.recv().unwrap();
                    shutdown.cancelled().await;
                    leader.stop().await;
                });
            }
        });
        more_are_stored_than(&server, 10).await;
        let next = gateway(&database.url, &server.nats.url()).await;
        outbox_is_empty(&db).await;
        thaw.send(()).unwrap();
        let more = messages_of(&[messages[0].job, messages[1].job], 20);
        append(&next.db, &more).await;
        outbox_is_empty(&db).await;
        next.stop().await;
        shutdown.cancel();
        leader.join().unwrap();
        stored_once_in_order(&server, "EVENTS", &[messages, more].concat()).await;
    }
}

#[tokio::test]
async fn a_leader_that_stops_hands_over_and_leaves_nothing_behind() {
    for (db, database) in migrated_databases().await {
        let server = server().await;
        let messages = messages(60);
        let url = server.nats.url();
        let (first, second) = (gateway(&database.url, &url).await, gateway(&database.url, &url).await);
        append(&first.db, &messages[..20]).await;
        append(&second.db, &messages[20..40]).await;
        first.stop().await;
        append(&second.db, &messages[40..]).await;
        second.stop().await;
        outbox_is_empty(&db).await;
        stored_once_in_order(&server, "EVENTS", &messages).await;
    }
}

#[tokio::test]
async fn a_commit_at_a_follower_is_told_to_the_leader() {
    for (db, database) in migrated_databases().await {
        let server = server().await;
        let raw = async_nats::connect(server.nats.url()).await.unwrap();
        let mut nudges = raw.subscribe("relay.nudge").await.unwrap();
        raw.flush().await.unwrap();
        let leader = gateway(&database.url, &server.nats.url()).await;
        append(&leader.db, &messages(1)).await;
        outbox_is_empty(&db).await;
        let follower = gateway(&database.url, &server.nats.url()).await;
        append(&follower.db, &messages(1)).await;
        tokio::time::timeout(PATIENCE, nudges.next()).await.expect("a nudge").unwrap();
        outbox_is_empty(&db).await;
        follower.stop().await;
        leader.stop().await;
    }
}

#[tokio::test]
async fn a_store_that_was_deleted_is_declared_again_also_when_nothing_is_published() {
    for (db, database) in migrated_databases().await {
        let mut server = server().await;
        let gateway = gateway(&database.url, &server.nats.url()).await;
        append(&db, &messages(3)).await;
        outbox_is_empty(&db).await;
        server.nats.restart_empty();
        for stream in [WORK, EVENTS] {
            let stored =
                eventually("the stream is there again", async || server.messaging.stored_messages(&stream).await.ok())
                    .await;
            assert_eq!(stored, 0);
        }
        // Deleted while the connection stands.
        server.raw.delete_stream("WORK").await.unwrap();
        server.raw.delete_stream("EVENTS").await.unwrap();
        let events = messages(5);
        let work = [doorbell(&work_item(escriba_domain::Lane::Batch))];
        append(&gateway.db, &events).await;
        append(&gateway.db, &work).await;
        outbox_is_empty(&db).await;
        stored_once_in_order(&server, "EVENTS", &events).await;
        stored_once_in_order(&server, "WORK", &work).await;
        gateway.stop().await;
    }
}

/// Longer than a lease that nobody renews.
#[tokio::test]
async fn a_follower_becomes_leader_when_nothing_happens_for_long() {
    for (db, database) in migrated_databases().await {
        let server = server().await;
        let leader = gateway(&database.url, &server.nats.url()).await;
        append(&leader.db, &messages(1)).await;
        outbox_is_empty(&db).await;
        let follower = gateway(&database.url, &server.nats.url()).await;
        tokio::time::sleep(Duration::from_secs(6)).await;
        leader.relay.abort();
        let last = messages(4);
        append(&db, &last).await;
        outbox_is_empty(&db).await;
        assert!(server.stored_ids("EVENTS").await.ends_with(&crate::server::ids(&last)));
        follower.stop().await;
    }
}
