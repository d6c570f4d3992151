//! Workers that die, fail or stop: the chunk goes to another, resumes where it stood, and is not tried for ever.

use std::time::Duration;

use chrono::TimeDelta;
use escriba_database::jobs;
use escriba_domain::{ChunkState, FailureCode};
use escriba_events::{JobEvent, WorkItem};
use escriba_gateway::app::hold::RECONNECT_TIME;
use escriba_proto::v1::refused::Reason;
use escriba_test_support::{eventually, segment};

use crate::{
    stack::{Gateway, on_each_engine},
    worker::{ReportStream, Worker, claim, done, failed, refusal, released, segments},
};

/// The worker is gone and its lease has run out: the next work item for its chunk.
async fn requeued_after_death(gateway: &mut Gateway, worker: Worker, item: &WorkItem) -> WorkItem {
    worker.die();
    lease_is_shortened(gateway, item).await;
    gateway.expire_lease(item.chunk_id).await;
    let again = gateway.doorbell().await;
    assert_eq!(again, WorkItem { ring: item.ring + 1, ..item.clone() });
    again
}

async fn lease_is_shortened(gateway: &Gateway, item: &WorkItem) {
    eventually("the broken stream shortens the lease", async || {
        let expires = gateway.chunk(item.chunk_id).await.lease_expires_at.unwrap();
        let left = expires - gateway.db.now().await.unwrap();
        (left <= TimeDelta::from_std(RECONNECT_TIME).unwrap()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_dead_workers_chunk_is_rung_for_again_and_resumes_where_it_stood() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let mut worker = Worker::claim(gateway, &item).await;
        worker.commit(segments(&[segment(0), segment(1)], 4_500)).await;
        let again = requeued_after_death(gateway, worker, &item).await;

        let mut worker = Worker::claim(gateway, &again).await;
        assert_eq!((worker.proceed.resume_ms, worker.proceed.next_index), (4_500, 2));
        assert_eq!(worker.proceed.options.as_ref().unwrap().language, "en", "the language is settled");
        worker.commit(segments(&[segment(2)], 6_000)).await;
        worker.commit(done(6_000)).await;
        let chunk = gateway.chunk(item.chunk_id).await;
        assert_eq!((chunk.attempt, chunk.ring, chunk.segment_count), (2, 2, 3));
        let names = gateway.event_names_until(item.job_id, "completed").await;
        assert_eq!(names, ["queued", "started", "segments_added", "segments_added", "completed"]);
    })
    .await;
}

#[tokio::test]
async fn the_third_death_fails_the_job_and_keeps_what_was_transcribed() {
    on_each_engine(async |gateway| {
        let mut item = gateway.submit().await;
        let mut worker = Worker::claim(gateway, &item).await;
        worker.commit(segments(&[segment(0)], 2_000)).await;
        item = requeued_after_death(gateway, worker, &item).await;
        let worker = Worker::claim(gateway, &item).await;
        item = requeued_after_death(gateway, worker, &item).await;
        let worker = Worker::claim(gateway, &item).await;
        worker.die();
        lease_is_shortened(gateway, &item).await;
        gateway.expire_lease(item.chunk_id).await;

        let events = gateway.events_until(item.job_id, "failed").await;
        let names: Vec<_> = events.iter().map(JobEvent::name).collect();
        assert_eq!(names, ["queued", "started", "segments_added", "failed"]);
        let job = gateway.job(item.job_id).await;
        assert_eq!((job["state"].as_str(), job["error"]["code"].as_str()), (Some("failed"), Some("worker_crashed")));
        assert_eq!(job["error"]["message"], FailureCode::WorkerCrashed.sentence());
        let chunk = gateway.chunk(item.chunk_id).await;
        assert_eq!((chunk.state, chunk.attempt, chunk.segment_count), (ChunkState::Failed, 3, 1));
        assert_eq!(refusal(gateway, &item, 0).await, Reason::Over);
    })
    .await;
}

#[tokio::test]
async fn a_fault_of_the_recording_fails_the_job_at_once() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let mut worker = Worker::claim(gateway, &item).await;
        worker.commit(failed("media_no_audio", false)).await;
        assert!(worker.is_ended().await);
        let job = gateway.job(item.job_id).await;
        assert_eq!((job["state"].as_str(), job["error"]["code"].as_str()), (Some("failed"), Some("media_no_audio")));
        assert_eq!(job["error"]["message"], "A sentence for a person.");
        let events = gateway.events_until(item.job_id, "failed").await;
        let Some(JobEvent::Failed(event)) = events.last() else { panic!("it ends with its failure") };
        assert_eq!((event.code.as_str(), event.message.as_str()), ("media_no_audio", "A sentence for a person."));
    })
    .await;
}

#[tokio::test]
async fn a_fault_of_the_worker_is_tried_again_until_the_attempts_are_used_up() {
    on_each_engine(async |gateway| {
        let mut item = gateway.submit().await;
        for ring in 2..=3 {
            Worker::claim(gateway, &item).await.commit(failed("model_unavailable", true)).await;
            let chunk = gateway.chunk(item.chunk_id).await;
            assert_eq!(chunk.state, ChunkState::Queued);
            assert!(chunk.ready_at > Some(gateway.db.now().await.unwrap()), "it is put off for a while");
            assert_eq!(refusal(gateway, &item, 0).await, Reason::Over);
            gateway.end_pause(item.chunk_id).await;
            item = gateway.doorbell().await;
            assert_eq!(item.ring, ring);
        }
        Worker::claim(gateway, &item).await.commit(failed("model_unavailable", true)).await;
        let job = gateway.job(item.job_id).await;
        assert_eq!((job["state"].as_str(), job["error"]["code"].as_str()), (Some("failed"), Some("model_unavailable")));
        assert_eq!(job["processing_time"], 0.06);
        let names = gateway.event_names_until(item.job_id, "failed").await;
        assert_eq!(names, ["queued", "started", "failed"]);
    })
    .await;
}

#[tokio::test]
async fn a_chunk_handed_back_does_not_count_as_an_attempt() {
    on_each_engine(async |gateway| {
        let mut item = gateway.submit().await;
        for _ in 0..4 {
            Worker::claim(gateway, &item).await.commit(released()).await;
            let chunk = gateway.chunk(item.chunk_id).await;
            assert_eq!((chunk.state, chunk.attempt, chunk.lease_expires_at), (ChunkState::Queued, 0, None));
            item = gateway.doorbell().await;
        }
        assert_eq!(item.ring, 5);
        let mut worker = Worker::claim(gateway, &item).await;
        assert_eq!(worker.proceed.lease, 5, "each claim has a lease of its own all the same");
        worker.commit(done(1_000)).await;
        assert_eq!(gateway.job(item.job_id).await["state"], "completed");
    })
    .await;
}

/// Long enough for bytes to get from one process of this machine to another.
const ON_THE_WAY: Duration = Duration::from_millis(500);

/// Somebody keeps the gateway from the job meanwhile.
async fn claim_and_give_up(gateway: &Gateway, item: &WorkItem) {
    let tx = gateway.db.begin().await.unwrap();
    jobs::lock(&tx, item.job_id).await.unwrap();
    let stream = ReportStream::open(gateway).await;
    stream.reports.send(claim(item, 0)).await.unwrap();
    tokio::time::sleep(ON_THE_WAY).await;
    drop(stream);
    tokio::time::sleep(ON_THE_WAY).await;
}

#[tokio::test]
async fn a_claim_that_is_granted_when_nobody_waits_for_it_any_more_is_no_attempt() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        claim_and_give_up(gateway, &item).await;
        let again = gateway.doorbell().await;
        assert_eq!(again, WorkItem { ring: 2, ..item.clone() });
        let chunk = gateway.chunk(item.chunk_id).await;
        assert_eq!((chunk.state, chunk.attempt, chunk.lease), (ChunkState::Queued, 0, 1));
        let mut worker = Worker::claim(gateway, &again).await;
        worker.commit(done(1_000)).await;
        assert_eq!(gateway.chunk(item.chunk_id).await.attempt, 1);
    })
    .await;
}
