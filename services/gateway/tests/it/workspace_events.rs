//! The events of all of a workspace's jobs as a program sees them, across restarts and gaps.

use escriba_domain::JobId;
use escriba_test_support::{PATIENCE, segment, tenant};
use eventsource_stream::{Event, Eventsource};
use futures_util::{Stream, StreamExt};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    stack::{Gateway, on_each_engine, problem},
    worker::{Worker, done, progress, segments},
};

pub(crate) type Events = std::pin::Pin<Box<dyn Stream<Item = Event>>>;

pub(crate) async fn follow(gateway: &Gateway, query: &str) -> Events {
    follow_with(gateway, &gateway.key, query, None).await
}

async fn follow_with(gateway: &Gateway, key: &str, query: &str, last_event_id: Option<&str>) -> Events {
    let mut request = gateway.anonymous(Method::GET, &format!("/v1/events{query}")).bearer_auth(key);
    if let Some(id) = last_event_id {
        request = request.header("Last-Event-ID", id);
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["cache-control"], "no-cache");
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    Box::pin(response.bytes_stream().eventsource().map(Result::unwrap))
}

pub(crate) async fn next(events: &mut Events) -> Event {
    tokio::time::timeout(PATIENCE, events.next()).await.expect("an event comes").expect("the stream goes on")
}

async fn until(events: &mut Events, name: &str) -> Event {
    loop {
        let event = next(events).await;
        if event.event == name {
            return event;
        }
    }
}

fn data(event: &Event) -> Value {
    serde_json::from_str(&event.data).unwrap()
}

fn of(event: &Event) -> (String, String) {
    (event.event.clone(), data(event)["job_id"].as_str().unwrap_or_default().to_owned())
}

async fn complete(gateway: &mut Gateway) -> JobId {
    let item = gateway.submit().await;
    let mut worker = Worker::claim(gateway, &item).await;
    worker.commit(segments(&[segment(0)], 2_000)).await;
    worker.commit(done(2_000)).await;
    gateway.outbox_is_empty().await;
    item.job_id
}

const KEPT_OF_ONE: [&str; 4] = ["job.queued", "job.started", "job.segments_added", "job.completed"];

#[tokio::test]
async fn a_follower_hears_of_all_jobs_of_its_workspace_and_of_no_others() {
    on_each_engine(async |gateway| {
        let before = complete(gateway).await;
        let stranger = tenant(&gateway.db, "globex").await;
        let mut others = follow_with(gateway, &stranger.key, "", None).await;
        let mut events = follow(gateway, "").await;
        let opened = next(&mut events).await;
        assert_eq!(opened.event, "stream.opened");
        assert_eq!(data(&opened)["after"].to_string(), opened.id);
        let jobs = [complete(gateway).await, complete(gateway).await];
        for job in jobs {
            for name in KEPT_OF_ONE {
                let event = next(&mut events).await;
                assert_eq!(of(&event), (name.to_owned(), job.to_string()));
                if name == "job.segments_added" {
                    assert_eq!(data(&event)["segments"][0]["text"], "Sentence 0, añadida.");
                }
            }
        }
        let mut all = follow(gateway, "?after=0").await;
        assert_eq!(next(&mut all).await.event, "stream.opened");
        assert_eq!(of(&next(&mut all).await), ("job.queued".to_owned(), before.to_string()), "from the oldest kept");
        assert_eq!(next(&mut others).await.event, "stream.opened");
        let heard = tokio::time::timeout(std::time::Duration::from_millis(200), others.next()).await;
        assert!(heard.is_err(), "{heard:?}");
    })
    .await;
}

#[tokio::test]
async fn a_follower_chooses_by_type_and_job() {
    on_each_engine(async |gateway| {
        let (one, other) = (complete(gateway).await, complete(gateway).await);
        let mut ends = follow(gateway, "?after=0&type=job.completed,job.failed").await;
        assert_eq!(next(&mut ends).await.event, "stream.opened");
        for job in [one, other] {
            assert_eq!(of(&next(&mut ends).await), ("job.completed".to_owned(), job.to_string()));
        }
        let mut of_other = follow(gateway, &format!("?after=0&job={other}")).await;
        assert_eq!(next(&mut of_other).await.event, "stream.opened");
        for name in KEPT_OF_ONE {
            assert_eq!(of(&next(&mut of_other).await), (name.to_owned(), other.to_string()));
        }
        for (query, status, code) in [
            ("?type=job.finished", 422, "event_type_unknown"),
            ("?after=yesterday", 400, "bad_request"),
            ("?job=mine", 400, "bad_request"),
        ] {
            problem(gateway.get(&format!("/v1/events{query}")).await, status, code).await;
        }
        let request = gateway.request(Method::GET, "/v1/events").header("Last-Event-ID", "yesterday");
        problem(request.send().await.unwrap(), 422, "event_id_invalid").await;
    })
    .await;
}

#[tokio::test]
async fn progress_and_places_in_the_queue_are_told_of_but_have_no_id() {
    on_each_engine(async |gateway| {
        let mut events = follow(gateway, "?progress=true").await;
        let opened = next(&mut events).await;
        let (first, second) = (gateway.submit().await, gateway.submit().await);
        let mut places = Vec::new();
        while places.len() < 2 {
            let moved = until(&mut events, "queue.moved").await;
            places.push((data(&moved)["job_id"].clone(), data(&moved)["position"].clone()));
        }
        assert_eq!(places, [(json!(first.job_id), json!(1)), (json!(second.job_id), json!(2))]);
        let mut of_job = {
            let path = format!("/v1/jobs/{}/events?queue=true", second.job_id);
            let response = gateway.get(&path).await;
            Box::pin(response.bytes_stream().eventsource().map(Result::unwrap)) as Events
        };
        assert_eq!(data(&until(&mut of_job, "queue.moved").await)["position"], 2);

        let mut worker = Worker::claim(gateway, &first).await;
        worker.report(progress(1_000, 4_000)).await;
        let heard = until(&mut events, "job.progress").await;
        assert_eq!(data(&heard)["job_id"], first.job_id.to_string());
        assert!(heard.id.parse::<u64>().unwrap() >= opened.id.parse().unwrap(), "the id of the event before");
        let moved = until(&mut of_job, "queue.moved").await;
        assert_eq!((&data(&moved)["job_id"], &data(&moved)["position"]), (&json!(second.job_id), &json!(1)));
        worker.commit(done(4_000)).await;
        let cancel = format!("/v1/jobs/{}/cancel", second.job_id);
        assert_eq!(gateway.request(Method::POST, &cancel).send().await.unwrap().status(), 200);
        until(&mut of_job, "job.canceled").await;
        let rest = tokio::time::timeout(PATIENCE, of_job.collect::<Vec<_>>()).await.expect("a job's stream ends");
        assert!(rest.is_empty(), "{rest:?}");
    })
    .await;
}

/// A client that is killed in the middle, and a gateway that is restarted, cost nothing.
#[tokio::test]
async fn a_reader_that_comes_back_has_every_kept_event_once_and_in_order() {
    on_each_engine(async |gateway| {
        let mut jobs = vec![complete(gateway).await];
        let mut events = follow(gateway, "?after=0").await;
        let mut seen = Vec::new();
        // Killed in the middle of a job.
        for _ in 0..3 {
            seen.push(next(&mut events).await);
        }
        drop(events);
        jobs.push(complete(gateway).await);
        let last = seen.last().unwrap().id.clone();
        let mut events = follow_with(gateway, &gateway.key, "?after=0", Some(&last)).await;
        for _ in 0..4 {
            seen.push(next(&mut events).await);
        }
        // The gateway stops under it, which ends the stream.
        gateway.restart().await;
        seen.extend(tokio::time::timeout(PATIENCE, events.collect::<Vec<_>>()).await.expect("the stream ends"));
        jobs.push(complete(gateway).await);
        let last = seen.last().unwrap().id.clone();
        let mut events = follow(gateway, &format!("?after={last}")).await;
        while seen.last().is_none_or(|event| of(event) != ("job.completed".to_owned(), jobs[2].to_string())) {
            seen.push(next(&mut events).await);
        }
        let kept: Vec<_> = seen.iter().filter(|event| event.event.starts_with("job.")).collect();
        let expected: Vec<_> =
            jobs.iter().flat_map(|job| KEPT_OF_ONE.map(|name| (name.to_owned(), job.to_string()))).collect();
        assert_eq!(kept.iter().map(|event| of(event)).collect::<Vec<_>>(), expected);
        let ids: Vec<u64> = kept.iter().map(|event| event.id.parse().unwrap()).collect();
        assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
    })
    .await;
}

#[tokio::test]
async fn a_reader_from_before_the_stream_was_made_anew_is_told_of_the_gap() {
    on_each_engine(async |gateway| {
        let job = complete(gateway).await;
        let mut events = follow(gateway, "?after=1000000").await;
        let gap = next(&mut events).await;
        assert_eq!((gap.event.as_str(), data(&gap)["after"].to_string()), ("stream.gap", gap.id.clone()));
        assert_eq!(of(&next(&mut events).await), ("job.queued".to_owned(), job.to_string()), "all there is, is new");
    })
    .await;
}

#[tokio::test]
async fn a_stream_ends_with_the_key_that_opened_it() {
    on_each_engine(async |gateway| {
        let made =
            gateway.request(Method::POST, "/v1/api-keys").json(&json!({ "name": "guest" })).send().await.unwrap();
        let made: Value = made.json().await.unwrap();
        let events = follow_with(gateway, made["secret"].as_str().unwrap(), "", None).await;
        let path = format!("/v1/api-keys/{}/revoke", made["id"].as_str().unwrap());
        assert_eq!(gateway.request(Method::POST, &path).send().await.unwrap().status(), 200);
        let all = tokio::time::timeout(PATIENCE, events.collect::<Vec<_>>()).await.expect("the stream ends");
        assert_eq!(all.len(), 1);
    })
    .await;
}
