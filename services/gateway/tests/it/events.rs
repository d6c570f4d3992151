//! A job's events as a browser sees them.

use escriba_domain::JobId;
use escriba_proto::v1::Statistics;
use escriba_test_support::{PATIENCE, eventually, segment};
use eventsource_stream::{Event, Eventsource};
use futures_util::{Stream, StreamExt};
use reqwest::Method;
use serde_json::Value;

use crate::{
    stack::{Gateway, on_each_engine, problem},
    worker::{Worker, counted_segments, done, plan, progress, released, segments},
};

type Events = std::pin::Pin<Box<dyn Stream<Item = Event>>>;

async fn follow(gateway: &Gateway, job: JobId, last_event_id: Option<&str>) -> Events {
    let mut request = gateway.request(Method::GET, &format!("/v1/jobs/{job}/events"));
    if let Some(id) = last_event_id {
        request = request.header("Last-Event-ID", id);
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let content_type = response.headers()["content-type"].to_str().unwrap();
    assert!(content_type.starts_with("text/event-stream"), "{content_type}");
    assert_eq!(response.headers()["cache-control"], "no-cache");
    Box::pin(response.bytes_stream().eventsource().map(Result::unwrap))
}

async fn next(events: &mut Events) -> Event {
    tokio::time::timeout(PATIENCE, events.next()).await.expect("an event comes").expect("the stream goes on")
}

/// The rest of a stream, which must end by itself.
async fn rest(events: Events) -> Vec<Event> {
    tokio::time::timeout(PATIENCE, events.collect()).await.expect("the stream ends")
}

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.event.as_str()).collect()
}

fn data(event: &Event) -> Value {
    serde_json::from_str(&event.data).unwrap()
}

async fn complete(gateway: &mut Gateway) -> JobId {
    let item = gateway.submit().await;
    let mut worker = Worker::claim(gateway, &item).await;
    worker.commit(segments(&[segment(0)], 2_000)).await;
    worker.commit(segments(&[segment(1)], 4_000)).await;
    worker.commit(done(4_000)).await;
    gateway.outbox_is_empty().await;
    item.job_id
}

#[tokio::test]
async fn a_reader_sees_a_job_from_its_beginning_to_its_end_as_it_happens() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let mut events = follow(gateway, item.job_id, None).await;
        let queued = next(&mut events).await;
        assert_eq!(queued.event, "job.queued");
        assert_eq!(data(&queued)["file_name"], "interview.mp3");

        let mut worker = Worker::claim(gateway, &item).await;
        let started = next(&mut events).await;
        assert_eq!((started.event.as_str(), data(&started)["worker_id"].as_str()), ("job.started", Some("worker-1")));

        worker.report(progress(1_000, 4_000)).await;
        let heard = next(&mut events).await;
        assert_eq!((heard.event.as_str(), heard.id.as_str()), ("job.progress", started.id.as_str()));
        assert_eq!((data(&heard)["processed"].as_f64(), data(&heard)["duration"].as_f64()), (Some(1.0), Some(4.0)));

        worker.commit(segments(&[segment(0)], 2_000)).await;
        let added = next(&mut events).await;
        let first = &data(&added)["segments"][0];
        assert_eq!((first["start"].as_f64(), first["end"].as_f64()), (Some(0.0), Some(1.9)));
        assert_eq!(
            (first["text"].as_str(), first["words"].as_array().unwrap().len()),
            (Some("Sentence 0, añadida."), 2)
        );
        assert_eq!((first["language"].as_str(), first["channel"].as_u64()), (Some("en"), Some(1)));

        worker.commit(done(4_000)).await;
        let last = rest(events).await;
        assert_eq!(names(&last), ["job.completed"]);
        assert_eq!(
            (data(&last[0])["duration"].as_f64(), data(&last[0])["segment_count"].as_u64()),
            (Some(4.0), Some(1))
        );
        let ids: Vec<u64> = [&queued, &started, &added, &last[0]].map(|event| event.id.parse().unwrap()).to_vec();
        assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
    })
    .await;
}

#[tokio::test]
async fn the_time_left_is_told_as_soon_as_it_can_be_and_forgotten_with_the_worker() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let mut worker = Worker::claim(gateway, &item).await;
        let mut events = follow(gateway, item.job_id, None).await;
        next(&mut events).await;
        next(&mut events).await;
        worker.report(plan(0)).await;
        // Nothing done yet; then something, of a recording whose length is not known; then of one that is long.
        for (report, known) in [(progress(0, 0), false), (progress(10, 0), false), (progress(20, 1 << 40), true)] {
            worker.report(report).await;
            let heard = next(&mut events).await;
            assert_eq!(heard.event, "job.progress");
            assert_eq!(data(&heard)["time_left"].as_f64().is_some_and(|left| left > 0.0), known, "{}", heard.data);
            let job = gateway.job(item.job_id).await;
            assert_eq!(job["progress"]["time_left"], data(&heard)["time_left"], "whoever asks hears the same");
        }
        worker.commit(released()).await;
        let again = gateway.doorbell().await;
        eventually("nobody knows any more", async || {
            gateway.job(item.job_id).await["progress"]["time_left"].is_null().then_some(())
        })
        .await;
        let mut worker = Worker::claim(gateway, &again).await;
        let counts = Statistics { speech_ms: 1_250, windows: 3, ..Statistics::default() };
        worker.commit(counted_segments(&[segment(0)], 2_000, Some(counts))).await;
        worker.commit(done(2_000)).await;
        let last = rest(events).await;
        let completed = data(last.last().unwrap());
        assert_eq!(
            (&completed["statistics"]["speech"], &completed["statistics"]["windows"]),
            (&1.25.into(), &3.into())
        );
    })
    .await;
}

#[tokio::test]
async fn a_reader_resumes_after_the_last_event_it_saw() {
    on_each_engine(async |gateway| {
        let job = complete(gateway).await;
        let whole = rest(follow(gateway, job, None).await).await;
        let expected = ["job.queued", "job.started", "job.segments_added", "job.segments_added", "job.completed"];
        assert_eq!(names(&whole), expected);
        for (seen, event) in whole.iter().enumerate() {
            let resumed = rest(follow(gateway, job, Some(&event.id)).await).await;
            assert_eq!(resumed, whole[seen + 1..], "after event {}", event.id);
        }
        let unseen = rest(follow(gateway, job, Some("")).await).await;
        assert_eq!(unseen, whole, "an empty id is none");
    })
    .await;
}

#[tokio::test]
async fn a_reader_that_comes_back_while_the_job_runs_misses_nothing() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let mut worker = Worker::claim(gateway, &item).await;
        let mut events = follow(gateway, item.job_id, None).await;
        next(&mut events).await;
        let started = next(&mut events).await;
        drop(events);
        worker.commit(segments(&[segment(0)], 2_000)).await;
        let mut events = follow(gateway, item.job_id, Some(&started.id)).await;
        assert_eq!(next(&mut events).await.event, "job.segments_added");
        worker.commit(done(2_000)).await;
        assert_eq!(names(&rest(events).await), ["job.completed"]);
    })
    .await;
}

#[tokio::test]
async fn each_end_of_a_job_ends_the_stream() {
    on_each_engine(async |gateway| {
        for (method, suffix, last) in [(Method::POST, "/cancel", "job.canceled"), (Method::DELETE, "", "job.deleted")] {
            let item = gateway.submit().await;
            let mut events = follow(gateway, item.job_id, None).await;
            next(&mut events).await;
            let path = format!("/v1/jobs/{}{suffix}", item.job_id);
            assert!(gateway.request(method, &path).send().await.unwrap().status().is_success());
            assert_eq!(names(&rest(events).await), [last]);
        }
    })
    .await;
}

#[tokio::test]
async fn deleting_a_completed_job_is_told_to_nobody_who_cannot_find_it() {
    on_each_engine(async |gateway| {
        let job = complete(gateway).await;
        let path = format!("/v1/jobs/{job}");
        assert_eq!(gateway.request(Method::DELETE, &path).send().await.unwrap().status(), 204);
        problem(gateway.get(&format!("{path}/events")).await, 404, "job_not_found").await;
        let names = gateway.event_names_until(job, "deleted").await;
        assert_eq!(names.last(), Some(&"deleted"));
    })
    .await;
}

#[tokio::test]
async fn an_id_that_no_event_has_is_refused() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let request = gateway.request(Method::GET, &format!("/v1/jobs/{}/events", item.job_id));
        let response = request.header("Last-Event-ID", "yesterday").send().await.unwrap();
        problem(response, 422, "event_id_invalid").await;
    })
    .await;
}

/// A reader must not hold up the end of the process.
#[tokio::test]
async fn a_gateway_that_stops_ends_its_streams() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let mut events = follow(gateway, item.job_id, None).await;
        let queued = next(&mut events).await;
        gateway.restart().await;
        assert!(rest(events).await.is_empty());
        let mut events = follow(gateway, item.job_id, Some(&queued.id)).await;
        let worker = Worker::claim(gateway, &item).await;
        assert_eq!(next(&mut events).await.event, "job.started");
        drop((worker, events));
    })
    .await;
}
