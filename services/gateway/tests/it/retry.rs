//! Failed and canceled jobs run again, and keep what is done.

use escriba_domain::{ChunkId, ChunkState};
use escriba_events::JobEvent;
use escriba_test_support::segment;
use reqwest::Method;
use serde_json::Value;

use crate::{
    stack::{Gateway, on_each_engine, problem},
    worker::{Worker, done, failed, part, segments},
};

async fn post(gateway: &Gateway, path: &str) -> reqwest::Response {
    gateway.request(Method::POST, path).send().await.unwrap()
}

#[tokio::test]
async fn a_failed_job_runs_again_and_keeps_its_finished_chunks() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let mut planner = Worker::claim(gateway, &item).await;
        planner.commit(part(ChunkId::new(), 1)).await;
        let bell = gateway.doorbell().await;
        let mut first = Worker::claim(gateway, &bell).await;
        first.commit(segments(&[segment(0)], 9_000)).await;
        first.commit(done(0)).await;
        planner.commit(failed("media_undecodable", false)).await;
        assert_eq!(gateway.job(item.job_id).await["state"], "failed");

        let response = post(gateway, &format!("/v1/jobs/{}/retry", item.job_id)).await;
        assert_eq!(response.status(), 200);
        let job: Value = response.json().await.unwrap();
        assert_eq!((job["state"].as_str(), job["error"].is_null()), (Some("queued"), true));
        let again = gateway.doorbell().await;
        assert_eq!(again.chunk_id, item.chunk_id, "only what is not done is queued");
        let mut planner = Worker::claim(gateway, &again).await;
        assert_eq!(planner.proceed.resume_ms, 10_000);
        planner.commit(done(10_000)).await;
        let job = gateway.job(item.job_id).await;
        assert_eq!(job["state"], "completed");

        let events = gateway.events_until(item.job_id, "completed").await;
        let names: Vec<_> = events.iter().map(JobEvent::name).collect();
        assert_eq!(names, ["queued", "started", "segments_added", "failed", "queued", "started", "completed"]);
        let runs = events.iter().filter_map(|event| match event {
            JobEvent::Queued(queued) => Some(queued.run),
            _ => None,
        });
        assert_eq!(runs.collect::<Vec<_>>(), [1, 2]);
        let sentence = problem(post(gateway, &format!("/v1/jobs/{}/retry", item.job_id)).await, 409, "job_not_over");
        assert!(sentence.await.contains("completed"));
    })
    .await;
}

#[tokio::test]
async fn a_canceled_job_runs_again_with_all_its_attempts() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let worker = Worker::claim(gateway, &item).await;
        assert_eq!(post(gateway, &format!("/v1/jobs/{}/cancel", item.job_id)).await.status(), 200);
        drop(worker);
        assert_eq!(post(gateway, &format!("/v1/jobs/{}/retry", item.job_id)).await.status(), 200);
        let again = gateway.doorbell().await;
        let chunk = gateway.chunk(item.chunk_id).await;
        assert_eq!((chunk.state, chunk.attempt, again.ring), (ChunkState::Queued, 0, 2));
        Worker::claim(gateway, &again).await.commit(done(1_000)).await;
        assert_eq!(gateway.job(item.job_id).await["state"], "completed");
        let unknown = format!("/v1/jobs/{}/retry", escriba_domain::JobId::new());
        problem(post(gateway, &unknown).await, 404, "job_not_found").await;
    })
    .await;
}
