//! NATS is away, or the gateway stops: nothing that was accepted is lost.

use escriba_domain::ChunkState;
use escriba_test_support::{eventually, segment};
use tonic::Code;

use crate::{
    stack::{on_each_engine, recording},
    worker::{Worker, done, segments},
};

#[tokio::test]
async fn a_job_is_accepted_while_nats_is_away_and_rung_for_when_it_is_back() {
    on_each_engine(async |gateway| {
        gateway.nats.kill();
        let response = gateway.post_form(recording()).await;
        assert_eq!(response.status(), 202);
        gateway.nats.restart();
        let item = gateway.doorbell().await;
        Worker::claim(gateway, &item).await.commit(done(1_000)).await;
        let names = gateway.event_names_until(item.job_id, "completed").await;
        assert_eq!(names, ["queued", "started", "completed"]);
    })
    .await;
}

#[tokio::test]
async fn reports_are_committed_while_nats_is_away_and_told_in_order_when_it_is_back() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let mut worker = Worker::claim(gateway, &item).await;
        gateway.nats.kill();
        for index in 0..20 {
            worker.commit(segments(&[segment(index)], u64::from(index + 1) * 2_000)).await;
        }
        worker.commit(done(40_000)).await;
        gateway.nats.restart();
        let names = gateway.event_names_until(item.job_id, "completed").await;
        assert_eq!(names, [&["queued", "started"][..], &["segments_added"; 20], &["completed"]].concat());
    })
    .await;
}

#[tokio::test]
async fn a_worker_goes_on_at_the_gateway_that_comes_after_this_one() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let mut worker = Worker::claim(gateway, &item).await;
        worker.commit(segments(&[segment(0)], 2_000)).await;
        let lease = worker.proceed.lease;
        gateway.restart().await;
        assert_eq!(worker.end().await.code(), Code::Unavailable);
        let mut worker = Worker::resume(gateway, &item, lease).await;
        assert_eq!((worker.proceed.lease, worker.proceed.resume_ms), (lease, 2_000));
        worker.commit(done(2_000)).await;
        eventually("the chunk is done", async || {
            (gateway.chunk(item.chunk_id).await.state == ChunkState::Completed).then_some(())
        })
        .await;
    })
    .await;
}
