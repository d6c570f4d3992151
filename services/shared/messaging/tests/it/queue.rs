//! How deep the queue is, and taking a job out of it.

use std::sync::Arc;

use escriba_domain::{JobId, Lane, ModelName};
use escriba_events::WorkItem;
use escriba_messaging::{Settlement, WorkDepth};
use escriba_test_support::eventually;
use tokio::sync::Semaphore;

use crate::{
    server::{Server, doorbell, server, work_item},
    work::run,
};

async fn depth(server: &Server, lane: Lane) -> WorkDepth {
    let model: ModelName = "tiny.en".parse().unwrap();
    server.messaging.work_depth(lane, &model).await.unwrap()
}

#[tokio::test]
async fn the_depth_tells_what_waits_from_what_is_taken() {
    let server = server().await;
    assert_eq!(depth(&server, Lane::Batch).await, WorkDepth::default());
    for lane in [Lane::Batch, Lane::Batch, Lane::Interactive] {
        server.publish(doorbell(&work_item(lane))).await;
    }
    server.publish(doorbell(&WorkItem { model: "tiny".parse().unwrap(), ..work_item(Lane::Batch) })).await;
    assert_eq!(depth(&server, Lane::Batch).await, WorkDepth { waiting: 2, taken: 0 }, "before any worker came");

    let finish = Arc::new(Semaphore::new(0));
    let mut running = run(&server, 2, {
        let finish = finish.clone();
        move |_| {
            let finish = finish.clone();
            async move {
                finish.acquire().await.unwrap().forget();
                Settlement::Done
            }
        }
    });
    running.next().await;
    running.next().await;
    assert_eq!(depth(&server, Lane::Interactive).await, WorkDepth { waiting: 0, taken: 1 });
    assert_eq!(depth(&server, Lane::Batch).await, WorkDepth { waiting: 1, taken: 1 });
    finish.add_permits(3);
    eventually("all is done", async || (depth(&server, Lane::Batch).await == WorkDepth::default()).then_some(())).await;
    running.stop().await;
    server.raw.delete_stream("WORK").await.unwrap();
    assert_eq!(depth(&server, Lane::Batch).await, WorkDepth::default());
}

#[tokio::test]
async fn purging_takes_one_jobs_items_of_one_lane_and_leaves_the_others_deliverable() {
    let server = server().await;
    let job = JobId::new();
    let model: ModelName = "tiny.en".parse().unwrap();
    for lane in [Lane::Batch, Lane::Interactive] {
        for _ in 0..3 {
            server.publish(doorbell(&WorkItem { job_id: job, ..work_item(lane) })).await;
            server.publish(doorbell(&work_item(lane))).await;
        }
    }
    assert_eq!(server.messaging.purge_work(Lane::Batch, &model, job).await.unwrap(), 3);
    assert_eq!(server.messaging.purge_work(Lane::Batch, &model, job).await.unwrap(), 0);
    let mut running = run(&server, 1, async |_| Settlement::Done);
    let mut purged = 0;
    for _ in 0..9 {
        let item = running.next().await;
        purged += usize::from(item.lane == Lane::Batch && item.job_id == job);
    }
    assert_eq!(purged, 0);
    server.no_work_is_left().await;
    assert!(running.stop().await.is_empty());
    server.raw.delete_stream("WORK").await.unwrap();
    assert_eq!(server.messaging.purge_work(Lane::Batch, &model, job).await.unwrap(), 0);
}
