//! Who is there: told, asked, and gone.

use std::sync::Arc;

use escriba_events::v1::WorkerStatus;
use escriba_messaging::{Messaging, Workers};
use escriba_test_support::eventually;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::server::{Server, server};

struct Worker {
    busy: Arc<watch::Sender<usize>>,
    shutdown: CancellationToken,
    announcing: JoinHandle<()>,
}

async fn worker(server: &Server, id: &str) -> Worker {
    let messaging = Messaging::connect(&server.nats.url(), id).await.unwrap();
    let busy = Arc::new(watch::Sender::new(0));
    let shutdown = CancellationToken::new();
    let status = {
        let (id, busy) = (id.to_owned(), busy.clone());
        move || WorkerStatus {
            worker_id: id.clone(),
            models: vec!["base".to_owned()],
            slots: 4,
            busy: u32::try_from(*busy.borrow()).unwrap(),
            ..WorkerStatus::default()
        }
    };
    let (changes, stop) = (busy.subscribe(), shutdown.clone());
    let announcing = tokio::spawn(async move { messaging.announce_worker(status, changes, stop).await });
    Worker { busy, shutdown, announcing }
}

async fn watch(server: &Server) -> Workers {
    let messaging = Messaging::connect(&server.nats.url(), "watcher").await.unwrap();
    let workers = Workers::default();
    tokio::spawn({
        let workers = workers.clone();
        async move { messaging.watch_workers(workers, CancellationToken::new()).await }
    });
    workers
}

async fn sees(workers: &Workers, expected: &[(&str, u32)]) {
    eventually("the directory is right", async || {
        let alive = workers.alive();
        let seen: Vec<_> = alive.iter().map(|worker| (worker.worker_id.as_str(), worker.busy)).collect();
        (seen == expected).then_some(())
    })
    .await;
}

#[tokio::test]
async fn workers_are_seen_with_what_they_do_until_they_stop() {
    let server = server().await;
    let early = watch(&server).await;
    let (a, b) = (worker(&server, "a").await, worker(&server, "b").await);
    sees(&early, &[("a", 0), ("b", 0)]).await;
    let late = watch(&server).await;
    sees(&late, &[("a", 0), ("b", 0)]).await;
    a.busy.send_replace(3);
    for workers in [&early, &late] {
        sees(workers, &[("a", 3), ("b", 0)]).await;
    }
    a.shutdown.cancel();
    a.announcing.await.unwrap();
    for workers in [&early, &late] {
        sees(workers, &[("b", 0)]).await;
    }
    b.shutdown.cancel();
    b.announcing.await.unwrap();
    sees(&late, &[]).await;
}

#[tokio::test]
async fn workers_are_heard_again_after_nats_was_killed() {
    let mut server = server().await;
    let workers = watch(&server).await;
    let a = worker(&server, "a").await;
    sees(&workers, &[("a", 0)]).await;
    server.nats.kill();
    a.busy.send_replace(1);
    server.nats.restart();
    sees(&workers, &[("a", 1)]).await;
    a.busy.send_replace(2);
    sees(&workers, &[("a", 2)]).await;
    a.shutdown.cancel();
    a.announcing.await.unwrap();
    sees(&workers, &[]).await;
}
