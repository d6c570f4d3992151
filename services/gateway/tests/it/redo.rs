//! A span of a recording is transcribed again: what is heard then takes its place, and nothing else changes.

use escriba_domain::{JobId, Segment};
use escriba_events::WorkItem;
use escriba_gateway::app::{apply_retention::RetentionReport, housekeeping::Mode};
use escriba_proto::v1::proceed::Source;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::{
    editing::{edit, spoken, texts, transcribed},
    housekeeping::{keep, retention},
    stack::{Gateway, on_each_engine, problem, recording},
    worker::{Worker, done, progress, segments},
    workspace_events::{follow, next},
};

async fn ask(gateway: &Gateway, job: JobId, body: &Value) -> Response {
    gateway.request(Method::POST, &format!("/v1/jobs/{job}/redo")).json(body).send().await.unwrap()
}

/// A redo that is taken, and its work item.
async fn redo(gateway: &mut Gateway, job: JobId, body: Value) -> (Value, WorkItem) {
    let response = ask(gateway, job, &body).await;
    let (status, location) = (response.status(), response.headers().get("location").cloned());
    let view: Value = response.json().await.unwrap();
    assert_eq!(status, 202, "{view}");
    let item = gateway.doorbell().await;
    assert_eq!(view["id"], item.job_id.to_string());
    assert_eq!(location.unwrap(), format!("/v1/jobs/{}", item.job_id).as_str());
    (view, item)
}

fn heard(index: u32, text: &str, start_ms: u64, end_ms: u64) -> Segment {
    Segment { text: text.to_owned(), start_ms, end_ms, words: Vec::new(), ..spoken(index) }
}

async fn hear(gateway: &Gateway, item: &WorkItem, said: &[Segment], until_ms: u64) {
    let mut worker = Worker::claim(gateway, item).await;
    worker.commit(segments(said, until_ms)).await;
    worker.commit(done(until_ms)).await;
}

async fn versions(gateway: &Gateway, job: JobId) -> Value {
    gateway.get(&format!("/v1/jobs/{job}/versions")).await.json().await.unwrap()
}

#[tokio::test]
async fn what_is_heard_again_takes_its_place_and_nothing_else_changes() {
    on_each_engine(async |gateway| {
        let job = transcribed(gateway, 5).await;
        let before = texts(gateway, job, "").await;
        let body = json!({ "from": 3.0, "to": 4.5, "language": "es", "prompt": "Hola.", "lane": "batch" });
        let (view, item) = redo(gateway, job, body).await;
        assert_eq!(view["redo"], json!({ "job_id": job.to_string(), "from": 2.0, "to": 5.9 }), "no segment is cut");
        assert_eq!((&view["duration"], &view["options"]["language"]), (&json!(3.9), &json!("es")));
        assert_eq!(view["options"]["word_timestamps"], true, "as it was for the whole");

        let mut worker = Worker::claim(gateway, &item).await;
        let Some(Source::Recording(source)) = &worker.proceed.source else { panic!("{:?}", worker.proceed) };
        assert_eq!((source.from_ms, source.until_ms, worker.proceed.resume_ms), (2_000, 5_900, 2_000));
        let options = worker.proceed.options.clone().unwrap();
        assert_eq!((options.language.as_str(), options.given_language.as_str()), ("es", ""));
        worker.report(progress(4_000, 10_000)).await;
        let said = [heard(0, "Hola", 1_800, 3_000), heard(1, "otra vez.", 3_000, 6_200)];
        worker.commit(segments(&said, 5_900)).await;
        let half = gateway.job(item.job_id).await;
        assert_eq!((&half["progress"]["processed"], &half["duration"]), (&json!(2.0), &json!(3.9)));
        assert_eq!(texts(gateway, job, "").await, before, "not before it is done");
        worker.commit(done(5_900)).await;

        let redone = ["Line0 goes here.", "Hola", "otra vez.", "Line3 goes here.", "Line4 goes here."];
        assert_eq!(texts(gateway, job, "").await, redone);
        assert_eq!(texts(gateway, job, "?version=1").await, before);
        assert_eq!(texts(gateway, item.job_id, "").await, ["Hola", "otra vez."], "it can be looked at on its own");
        let page: Value = gateway.get(&format!("/v1/jobs/{job}/segments")).await.json().await.unwrap();
        assert_eq!((&page["items"][1]["start"], &page["items"][2]["end"]), (&json!(2.0), &json!(5.9)));
        let versions = versions(gateway, job).await;
        let made = &versions["items"][0];
        assert_eq!((&made["version"], &made["origin"]), (&json!(2), &json!("redo")));
        assert_eq!((&made["segments_changed"], &made["segments_removed"]), (&json!(2), &json!(2)));
        let names = gateway.event_names_until(job, "transcript_edited").await;
        assert_eq!(names.last(), Some(&"transcript_edited"));
        let ended = gateway.job(item.job_id).await;
        assert_eq!((&ended["state"], &ended["progress"]["processed"]), (&json!("completed"), &json!(3.9)));
    })
    .await;
}

#[tokio::test]
async fn edits_made_meanwhile_stay_outside_of_the_span() {
    on_each_engine(async |gateway| {
        let job = transcribed(gateway, 4).await;
        let (_, item) = redo(gateway, job, json!({ "from": 2.0, "to": 3.0 })).await;
        let set = |id: &str, text: &str| json!({ "op": "set", "id": id, "text": text });
        edit(gateway, job, 1, json!([set("0-0", "Edited before."), set("0-1", "Edited within.")])).await;
        hear(gateway, &item, &[heard(0, "Heard again.", 2_000, 3_500)], 3_900).await;
        let expected = ["Edited before.", "Heard again.", "Line2 goes here.", "Line3 goes here."];
        assert_eq!(texts(gateway, job, "").await, expected);

        // Where nobody is heard any more, nothing stands.
        let (_, item) = redo(gateway, job, json!({ "from": 6.5, "to": 6.6 })).await;
        hear(gateway, &item, &[], 7_900).await;
        assert_eq!(texts(gateway, job, "").await, expected[..3]);
    })
    .await;
}

#[tokio::test]
async fn a_request_that_cannot_be_done_is_told_why() {
    on_each_engine(async |gateway| {
        let span = |from: f64, to: f64| json!({ "from": from, "to": to });
        let unfinished = gateway.submit().await;
        problem(ask(gateway, unfinished.job_id, &span(0.0, 1.0)).await, 409, "job_not_completed").await;
        let cancel = format!("/v1/jobs/{}/cancel", unfinished.job_id);
        assert_eq!(gateway.request(Method::POST, &cancel).send().await.unwrap().status(), 200);
        problem(ask(gateway, unfinished.job_id, &span(0.0, 1.0)).await, 409, "job_not_completed").await;
        let job = transcribed(gateway, 2).await;
        for (from, to) in [(1.0, 1.0), (2.0, 1.0), (-1.0, 1.0), (1.0, 1e300), (0.0, 4.1)] {
            problem(ask(gateway, job, &span(from, to)).await, 422, "span_invalid").await;
        }
        for (name, value) in [("language", json!("xx")), ("model", json!("huge")), ("prompt", json!("x".repeat(801)))] {
            let mut body = span(0.0, 1.0);
            body[name] = value;
            problem(ask(gateway, job, &body).await, 422, "option_invalid").await;
        }
        let mut body = span(0.0, 1.0);
        body["channels"] = json!("separate");
        problem(ask(gateway, job, &body).await, 422, "body_invalid").await;
        problem(ask(gateway, JobId::new(), &span(0.0, 1.0)).await, 404, "job_not_found").await;

        let (_, item) = redo(gateway, job, span(0.0, 1.0)).await;
        hear(gateway, &item, &[heard(0, "Again.", 0, 1_000)], 1_900).await;
        problem(ask(gateway, item.job_id, &span(0.0, 1.0)).await, 409, "job_is_redo").await;
        assert_eq!(texts(gateway, job, "").await, ["Again.", "Line1 goes here."]);
    })
    .await;
}

#[tokio::test]
async fn the_same_request_with_its_key_is_one_job() {
    on_each_engine(async |gateway| {
        let job = transcribed(gateway, 1).await;
        let send = async |body: Value| {
            let request = gateway.request(Method::POST, &format!("/v1/jobs/{job}/redo"));
            request.header("Idempotency-Key", "again").json(&body).send().await.unwrap()
        };
        let body = json!({ "from": 0.0, "to": 1.0 });
        let first: Value = send(body.clone()).await.json().await.unwrap();
        let second: Value = send(body).await.json().await.unwrap();
        assert_eq!(first, second);
        problem(send(json!({ "from": 0.0, "to": 1.5 })).await, 422, "idempotency_key_reused").await;
        let item = gateway.doorbell().await;
        assert_eq!(first["id"], item.job_id.to_string());
    })
    .await;
}

#[tokio::test]
async fn the_recording_stays_with_the_job_that_brought_it() {
    on_each_engine(async |gateway| {
        let job = transcribed(gateway, 2).await;
        let delete = async |gateway: &Gateway, id: JobId| {
            let gone = gateway.request(Method::DELETE, &format!("/v1/jobs/{id}")).send().await.unwrap();
            assert_eq!(gone.status(), 204);
        };
        let media = format!("/v1/jobs/{job}/media");
        let (_, item) = redo(gateway, job, json!({ "from": 0.0, "to": 1.0 })).await;
        delete(gateway, item.job_id).await;
        assert_eq!(gateway.get(&media).await.status(), 200);

        // A redo that is not done yet keeps the recording from being kept no longer.
        let (_, item) = redo(gateway, job, json!({ "from": 0.0, "to": 1.0 })).await;
        let worker = Worker::claim(gateway, &item).await;
        keep(gateway, Some(0), Some(0)).await;
        assert_eq!(retention(gateway, Mode::Apply).await, RetentionReport::default());
        assert_eq!(gateway.get(&media).await.status(), 200);

        let stored = gateway.stored_files();
        delete(gateway, job).await;
        assert_eq!(gateway.get(&format!("/v1/jobs/{}", item.job_id)).await.status(), 404, "it goes along");
        assert_eq!(gateway.stored_files(), stored - 1);
        drop(worker);
        gateway.event_names_until(item.job_id, "deleted").await;
    })
    .await;
}

#[tokio::test]
async fn a_redo_that_failed_can_be_run_again() {
    on_each_engine(async |gateway| {
        let job = transcribed(gateway, 2).await;
        let (_, item) = redo(gateway, job, json!({ "from": 0.0, "to": 1.0 })).await;
        let cancel = format!("/v1/jobs/{}/cancel", item.job_id);
        assert_eq!(gateway.request(Method::POST, &cancel).send().await.unwrap().status(), 200);
        assert_eq!(texts(gateway, job, "").await, ["Line0 goes here.", "Line1 goes here."]);
        let retry = format!("/v1/jobs/{}/retry", item.job_id);
        assert_eq!(gateway.request(Method::POST, &retry).send().await.unwrap().status(), 200);
        let item = gateway.doorbell().await;
        hear(gateway, &item, &[heard(0, "Again.", 0, 1_000)], 1_900).await;
        assert_eq!(texts(gateway, job, "").await, ["Again.", "Line1 goes here."]);
        // Sent in the way of any other job, it is not a redo.
        let usual = gateway.submit_form(recording()).await;
        assert!(gateway.job(usual.job_id).await["redo"].is_null());
    })
    .await;
}

#[tokio::test]
async fn what_is_kept_no_longer_is_deleted_once() {
    on_each_engine(async |gateway| {
        let job = transcribed(gateway, 2).await;
        let (_, item) = redo(gateway, job, json!({ "from": 0.0, "to": 1.0 })).await;
        hear(gateway, &item, &[heard(0, "Again.", 0, 1_000)], 1_900).await;
        keep(gateway, None, Some(0)).await;
        retention(gateway, Mode::Apply).await;
        for id in [job, item.job_id] {
            assert_eq!(gateway.get(&format!("/v1/jobs/{id}")).await.status(), 404);
        }
        assert_eq!(gateway.stored_files(), 0);
        let last = gateway.submit().await.job_id.to_string();
        let (mut events, mut deletions) = (follow(gateway, "?after=0").await, 0);
        loop {
            let event = next(&mut events).await;
            let data: Value = serde_json::from_str(&event.data).unwrap();
            match event.event.as_str() {
                "job.deleted" if data["job_id"] == item.job_id.to_string() => deletions += 1,
                "job.queued" if data["job_id"] == last => break,
                _ => {}
            }
        }
        assert_eq!(deletions, 1, "it went with the job whose recording it has");
    })
    .await;
}
