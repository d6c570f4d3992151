//! Long recordings: one worker plans them in parts, any worker takes a part, and the transcript is one.

use escriba_blobs::{BlobStore, ObjectKey};
use escriba_database::transcripts;
use escriba_domain::{ChunkId, ChunkState, JobId, Segment};
use escriba_events::WorkItem;
use escriba_proto::v1::proceed::Source;
use escriba_test_support::segment;
use futures_util::StreamExt;

use crate::{
    stack::{Gateway, on_each_engine},
    worker::{Worker, done, part, progress, segments},
};

/// The segment at `index` of the nth part.
fn of_part(position: u32, index: u32) -> Segment {
    let offset = u64::from(position - 1) * 10_000;
    let plain = segment(index);
    Segment { start_ms: plain.start_ms + offset, end_ms: plain.end_ms + offset, ..plain }
}

/// Plans so many parts, with the speech of each in storage, and takes their bells off the queue.
pub(crate) async fn plan_parts(
    gateway: &mut Gateway,
    planner: &mut Worker,
    item: &WorkItem,
    count: u32,
) -> Vec<WorkItem> {
    let store = BlobStore::open(&format!("file://{}", gateway.folder().join("media-store").display())).unwrap();
    let mut bells = Vec::new();
    for position in 1..=count {
        let chunk = ChunkId::new();
        let key = ObjectKey::Windows { workspace: gateway.workspace, job: item.job_id, chunk };
        store.upload(key).await.unwrap().finish().await.unwrap();
        planner.commit(part(chunk, position)).await;
        let bell = gateway.doorbell().await;
        assert_eq!((bell.job_id, bell.chunk_id, bell.ring), (item.job_id, chunk, 1));
        bells.push(bell);
    }
    bells
}

async fn starts(gateway: &Gateway, job: JobId) -> Vec<u64> {
    let found = transcripts::segments(&gateway.db, job).map(|segment| segment.unwrap().start_ms);
    found.collect().await
}

#[tokio::test]
async fn parts_are_taken_by_anyone_and_make_one_transcript_that_grows_at_its_end() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let mut planner = Worker::claim(gateway, &item).await;
        let bells = plan_parts(gateway, &mut planner, &item, 2).await;
        planner.report(progress(0, 20_000)).await;

        let mut first = Worker::claim(gateway, &bells[1]).await;
        assert_eq!(first.proceed.chunk_id, bells[0].chunk_id.to_string(), "parts are given out in their order");
        let Some(Source::Part(source)) = first.proceed.source.clone() else { panic!("it is a part") };
        assert_eq!((source.start_ms, source.end_ms, first.proceed.resume_ms), (0, 10_000, 0));
        assert!(gateway.folder().join("media-store").join(&source.speech_key).is_file());
        assert_eq!(first.proceed.options.as_ref().unwrap().language, "en", "the planner settled it");
        let mut second = Worker::claim(gateway, &bells[0]).await;
        assert_eq!((second.proceed.resume_ms, second.proceed.next_index), (10_000, 0));

        second.commit(segments(&[of_part(2, 0)], 12_000)).await;
        assert!(starts(gateway, item.job_id).await.is_empty(), "nothing stands behind a gap");
        first.commit(segments(&[of_part(1, 0)], 2_000)).await;
        assert_eq!(starts(gateway, item.job_id).await, [0]);
        let job = gateway.job(item.job_id).await;
        assert_eq!((job["progress"]["processed"].as_f64(), job["progress"]["ratio"].as_f64()), (Some(4.0), Some(0.2)));
        assert_eq!(job["chunks"], serde_json::json!({ "total": 3, "waiting": 0, "running": 3, "completed": 0 }));

        first.commit(done(0)).await;
        assert_eq!(starts(gateway, item.job_id).await, [0, 10_000]);
        second.commit(done(0)).await;
        assert_eq!(gateway.job(item.job_id).await["state"], "running", "there may be more parts");
        assert_eq!(gateway.stored_files(), 1, "the speech of finished parts is gone");
        planner.commit(done(20_000)).await;
        let job = gateway.job(item.job_id).await;
        assert_eq!((job["state"].as_str(), job["duration"].as_f64()), (Some("completed"), Some(20.0)));
        assert_eq!(job["warnings"][0]["code"], "media_truncated");
        let names = gateway.event_names_until(item.job_id, "completed").await;
        assert_eq!(names, ["queued", "started", "segments_added", "segments_added", "completed"]);
    })
    .await;
}

#[tokio::test]
async fn a_planner_that_dies_costs_no_part_and_doubles_none() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let mut planner = Worker::claim(gateway, &item).await;
        let bells = plan_parts(gateway, &mut planner, &item, 1).await;
        // A repeat, as after a broken stream.
        planner.commit(part(bells[0].chunk_id, 1)).await;
        planner.commit(part(ChunkId::new(), 1)).await;
        planner.die();
        let mut taken = Worker::claim(gateway, &bells[0]).await;
        gateway.expire_lease(item.chunk_id).await;
        let again = gateway.doorbell().await;
        assert_eq!(again.chunk_id, item.chunk_id);

        let mut planner = Worker::claim(gateway, &again).await;
        let Some(Source::Recording(recording)) = planner.proceed.source.clone() else { panic!("it is the whole") };
        assert_eq!((recording.planned_parts, planner.proceed.resume_ms), (1, 10_000));
        planner.commit(done(10_000)).await;
        taken.commit(done(0)).await;
        let job = gateway.job(item.job_id).await;
        assert_eq!((job["state"].as_str(), job["chunks"]["total"].as_u64()), (Some("completed"), Some(2)));
        assert_eq!(gateway.chunk(item.chunk_id).await.attempt, 2);
    })
    .await;
}

#[tokio::test]
async fn canceling_takes_the_bells_off_the_queue_and_keeps_what_is_done() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let mut planner = Worker::claim(gateway, &item).await;
        gateway.pause_doorbells().await;
        for position in 1..=3 {
            planner.commit(part(ChunkId::new(), position)).await;
        }
        gateway.outbox_is_empty().await;
        let depth = gateway.messaging.work_depth(item.lane, &item.model).await.unwrap();
        assert_eq!(depth.waiting, 3);
        let mut worker = Worker::claim(gateway, &item).await;
        worker.commit(segments(&[of_part(1, 0)], 2_000)).await;

        let canceled = gateway.request(reqwest::Method::POST, &format!("/v1/jobs/{}/cancel", item.job_id));
        assert_eq!(canceled.send().await.unwrap().status(), 200);
        let depth = gateway.messaging.work_depth(item.lane, &item.model).await.unwrap();
        assert_eq!(depth.waiting, 0);
        assert_eq!(starts(gateway, item.job_id).await, [0]);
        assert_eq!(gateway.chunk(item.chunk_id).await.state, ChunkState::Canceled);
        gateway.resume_doorbells().await;
    })
    .await;
}
