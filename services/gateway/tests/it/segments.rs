//! Segments and the end of a chunk: each stands once in the transcript, and events come in order.

use escriba_database::transcripts;
use escriba_domain::Segment;
use escriba_events::JobEvent;
use escriba_proto::v1::Statistics;
use escriba_test_support::segment;
use futures_util::TryStreamExt;

use crate::{
    stack::{Gateway, on_each_engine},
    worker::{Worker, counted_segments, done, segments},
};

async fn transcript(gateway: &Gateway, job: escriba_domain::JobId) -> Vec<Segment> {
    transcripts::segments(&gateway.db, job).try_collect().await.unwrap()
}

#[tokio::test]
async fn the_end_of_the_chunk_completes_the_job_and_events_tell_it_in_order() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let mut worker = Worker::claim(gateway, &item).await;
        let all: Vec<Segment> = (0..5).map(segment).collect();
        worker.commit(segments(&all[..2], 4_000)).await;
        worker.commit(segments(&all[2..], 10_000)).await;
        worker.commit(done(11_000)).await;

        assert_eq!(transcript(gateway, item.job_id).await, all);
        let job = gateway.job(item.job_id).await;
        assert_eq!((job["state"].as_str(), job["language"].as_str()), (Some("completed"), Some("en")));
        assert_eq!((job["duration"].as_f64(), job["processing_time"].as_f64()), (Some(11.0), Some(1.5)));
        assert_eq!((job["progress"]["processed"].as_f64(), job["progress"]["ratio"].as_f64()), (Some(11.0), Some(1.0)));
        assert_eq!(job["warnings"][0]["code"], "media_truncated");
        assert!(job["error"].is_null());
        for time in ["created_at", "started_at", "finished_at"] {
            assert!(job[time].is_string(), "{time}");
        }

        let events = gateway.events_until(item.job_id, "completed").await;
        let names: Vec<_> = events.iter().map(JobEvent::name).collect();
        assert_eq!(names, ["queued", "started", "segments_added", "segments_added", "completed"]);
        let Some(JobEvent::Completed(completed)) = events.last() else { panic!("it ends with its completion") };
        assert_eq!((completed.audio_ms, completed.processing_ms, completed.segment_count), (11_000, 1_500, 5));
        assert_eq!((completed.language.as_str(), completed.warnings.len()), ("en", 1));
    })
    .await;
}

#[tokio::test]
async fn repeated_segments_change_nothing_and_tell_nobody() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let mut worker = Worker::claim(gateway, &item).await;
        let all: Vec<Segment> = (0..4).map(segment).collect();
        for _ in 0..3 {
            worker.commit(segments(&all[..2], 4_000)).await;
        }
        let other_words = Segment { text: "not what was committed".to_owned(), ..segment(1) };
        worker.commit(segments(&[other_words], 3_000)).await;
        let chunk = gateway.chunk(item.chunk_id).await;
        assert_eq!((chunk.through_ms, chunk.segment_count), (4_000, 2), "a repeat never takes it back");
        // Two that are known, two that are new.
        worker.commit(segments(&all, 8_000)).await;
        worker.commit(done(8_000)).await;

        assert_eq!(transcript(gateway, item.job_id).await, all);
        let events = gateway.events_until(item.job_id, "completed").await;
        let added: Vec<Vec<u32>> = events
            .iter()
            .filter_map(|event| match event {
                JobEvent::SegmentsAdded(added) => Some(added.segments.iter().map(|segment| segment.index).collect()),
                _ => None,
            })
            .collect();
        assert_eq!(added, [vec![0, 1], vec![2, 3]]);
    })
    .await;
}

#[tokio::test]
async fn silence_moves_the_point_to_resume_from_without_an_event() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let mut worker = Worker::claim(gateway, &item).await;
        worker.commit(segments(&[], 30_000)).await;
        let chunk = gateway.chunk(item.chunk_id).await;
        assert_eq!((chunk.through_ms, chunk.segment_count), (30_000, 0));
        worker.commit(done(30_000)).await;
        let names = gateway.event_names_until(item.job_id, "completed").await;
        assert_eq!(names, ["queued", "started", "completed"]);
    })
    .await;
}

#[tokio::test]
async fn statistics_add_up_once_for_whatever_is_new() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let mut worker = Worker::claim(gateway, &item).await;
        let counts = Statistics { speech_ms: 1_500, windows: 1, dropped_loops: 2, ..Statistics::default() };
        let all: Vec<Segment> = (0..3).map(segment).collect();
        for _ in 0..3 {
            worker.commit(counted_segments(&all[..2], 4_000, Some(counts))).await;
        }
        // Nothing but silence after all: it moves on without segments.
        let silent = Statistics { speech_ms: 500, windows: 1, silent_windows: 1, ..Statistics::default() };
        for _ in 0..2 {
            worker.commit(counted_segments(&[], 5_000, Some(silent))).await;
        }
        worker.commit(segments(&all[2..], 6_000)).await;
        worker.die();
        let mut worker = Worker::resume(gateway, &item, 1).await;
        worker.commit(counted_segments(&all[..2], 4_000, Some(counts))).await;
        worker.commit(done(6_000)).await;

        let job = gateway.job(item.job_id).await;
        let expected = serde_json::json!({
            "speech": 2.0, "windows": 2, "full_context_windows": 0, "hotter_windows": 0, "silent_windows": 1,
            "dropped_loops": 2, "dropped_phantoms": 0,
        });
        assert_eq!(job["statistics"], expected);
        let events = gateway.events_until(item.job_id, "completed").await;
        let Some(JobEvent::Completed(completed)) = events.last() else { panic!("it ends with its completion") };
        let sum = Statistics { speech_ms: 2_000, windows: 2, silent_windows: 1, dropped_loops: 2, ..counts };
        assert_eq!(completed.statistics, Some(sum));
    })
    .await;
}
