//! Taking work goes on whatever happens to NATS, and no item is lost on the way: each arrives before its
//! acknowledgement wait of a minute would bring it again.

use std::{sync::Arc, time::Duration};

use escriba_domain::Lane;
use escriba_events::WorkItem;
use escriba_messaging::Settlement;
use escriba_test_support::eventually;
use tokio::sync::Notify;

use crate::{
    server::{Server, doorbell, server, work_item},
    work::{Running, run},
};

/// Shorter than the acknowledgement wait: an item that comes later was lost and came again.
const BEFORE_IT_COMES_AGAIN: Duration = Duration::from_secs(40);

async fn next(running: &mut Running) -> WorkItem {
    tokio::time::timeout(BEFORE_IT_COMES_AGAIN, running.next()).await.expect("the item was not lost")
}

/// The stream may be on its way back.
async fn publish(server: &Server, item: &WorkItem) {
    eventually("the server takes work", async || {
        let message = doorbell(item);
        let sent = server.raw.publish(message.subject, message.payload.into()).await.ok()?;
        sent.await.ok().map(|_| ())
    })
    .await;
}

async fn work_goes_on(server: &Server, running: &mut Running) {
    for lane in [Lane::Batch, Lane::Interactive] {
        let item = work_item(lane);
        publish(server, &item).await;
        assert_eq!(next(running).await, item);
    }
    server.no_work_is_left().await;
}

#[tokio::test]
async fn a_consumer_that_is_deleted_under_the_runner_is_made_again() {
    let server = server().await;
    let mut running = run(&server, 1, async |_| Settlement::Done);
    work_goes_on(&server, &mut running).await;
    for consumer in ["interactive-tiny~en", "batch-tiny~en"] {
        server.raw.delete_consumer_from_stream(consumer, "WORK").await.unwrap();
        work_goes_on(&server, &mut running).await;
    }
    assert!(running.stop().await.is_empty());
}

#[tokio::test]
async fn a_store_that_is_deleted_costs_no_more_than_what_was_in_it() {
    let mut server = server().await;
    let mut running = run(&server, 2, async |_| Settlement::Done);
    work_goes_on(&server, &mut running).await;
    server.nats.restart_empty();
    eventually("the streams are declared", async || server.messaging.declare_streams(1).await.ok()).await;
    work_goes_on(&server, &mut running).await;
    // Deleted while the connection stands.
    server.raw.delete_stream("WORK").await.unwrap();
    server.messaging.declare_streams(1).await.unwrap();
    work_goes_on(&server, &mut running).await;
    assert!(running.stop().await.is_empty());
}

/// Longer than a pull waits, so that pulls pile up in the connection and are all served when it thaws.
#[tokio::test]
async fn a_server_that_was_frozen_gives_out_no_item_to_nobody() {
    let server = server().await;
    let mut running = run(&server, 1, async |_| Settlement::Done);
    work_goes_on(&server, &mut running).await;
    server.nats.freeze();
    tokio::time::sleep(Duration::from_secs(9)).await;
    server.nats.thaw();
    for _ in 0..5 {
        work_goes_on(&server, &mut running).await;
    }
    assert!(running.stop().await.is_empty());
}

#[tokio::test]
async fn what_comes_out_at_a_busy_worker_goes_to_a_free_one() {
    let server = server().await;
    let finish = Arc::new(Notify::new());
    let mut busy = run(&server, 1, {
        let finish = finish.clone();
        move |_| {
            let finish = finish.clone();
            async move {
                finish.notified().await;
                Settlement::Done
            }
        }
    });
    // Its pull at the other lane is out when it becomes busy, and first in the row.
    eventually("it waits at both lanes", async || {
        let stream = server.raw.get_stream("WORK").await.ok()?;
        let waiting = stream.consumer_info("batch-tiny~en").await.ok()?.num_waiting;
        (waiting == 1).then_some(())
    })
    .await;
    publish(&server, &work_item(Lane::Interactive)).await;
    next(&mut busy).await;
    let mut free = run(&server, 1, async |_| Settlement::Done);
    for _ in 0..5 {
        let item = work_item(Lane::Batch);
        publish(&server, &item).await;
        assert_eq!(next(&mut free).await, item);
    }
    finish.notify_one();
    server.no_work_is_left().await;
    assert!(busy.stop().await.is_empty());
    assert!(free.stop().await.is_empty());
}

#[tokio::test]
async fn a_worker_that_leaves_takes_no_item_with_it() {
    let server = server().await;
    let mut stays = run(&server, 1, async |_| Settlement::Done);
    for _ in 0..10 {
        let leaves = run(&server, 1, async |_| Settlement::Done);
        let items = [work_item(Lane::Batch), work_item(Lane::Interactive)];
        let (mut seen, ()) = tokio::join!(leaves.stop(), async {
            for item in &items {
                publish(&server, item).await;
            }
        });
        while seen.len() < items.len() {
            seen.push(next(&mut stays).await);
        }
        assert!(items.iter().all(|item| seen.contains(item)));
    }
    server.no_work_is_left().await;
    assert!(stays.stop().await.is_empty());
}
