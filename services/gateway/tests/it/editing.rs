//! Segments are read page by page and edited: all or nothing, never over what somebody has not seen, and never for good.

use escriba_domain::{JobId, Segment, Word};
use escriba_events::{JobEvent, WorkItem};
use escriba_test_support::segment;
use reqwest::{Method, Response, multipart::Form};
use serde_json::{Value, json};

use crate::{
    stack::{Gateway, media, on_each_engine, problem, recording},
    worker::{Worker, done, segments},
};

/// A segment every two seconds, without channels: "zero one two." and so on.
pub(crate) fn spoken(index: u32) -> Segment {
    let plain = segment(index);
    let word = |nth: u64, text: String| Word {
        start_ms: plain.start_ms + nth * 600,
        end_ms: plain.start_ms + nth * 600 + 500,
        text,
        probability: 0.75,
    };
    let words = vec![word(0, format!("Line{index}")), word(1, "goes".to_owned()), word(2, "here.".to_owned())];
    Segment { text: format!("Line{index} goes here."), channel: None, words, ..plain }
}

pub(crate) async fn transcribed(gateway: &mut Gateway, count: u32) -> JobId {
    let item = gateway.submit_form(recording().text("word_timestamps", "true")).await;
    transcribe(gateway, &item, count).await
}

async fn transcribe(gateway: &Gateway, item: &WorkItem, count: u32) -> JobId {
    let mut worker = Worker::claim(gateway, item).await;
    let all: Vec<Segment> = (0..count).map(spoken).collect();
    worker.commit(segments(&all, u64::from(count) * 2_000)).await;
    worker.commit(done(u64::from(count) * 2_000)).await;
    item.job_id
}

async fn send(gateway: &Gateway, job: JobId, version: &str, operations: Value) -> Response {
    let request = gateway.request(Method::PATCH, &format!("/v1/jobs/{job}/segments")).header("If-Match", version);
    request.json(&json!({ "operations": operations })).send().await.unwrap()
}

/// An edit that is taken.
pub(crate) async fn edit(gateway: &Gateway, job: JobId, version: u32, operations: Value) -> Value {
    taken(send(gateway, job, &format!("\"{version}\""), operations).await).await
}

async fn taken(response: Response) -> Value {
    let (status, tag) = (response.status(), response.headers().get("etag").cloned());
    let body: Value = response.json().await.unwrap();
    assert_eq!(status, 200, "{body}");
    assert_eq!(tag.unwrap(), format!("\"{}\"", body["version"]).as_str());
    body
}

async fn read(gateway: &Gateway, job: JobId, query: &str) -> Value {
    let response = gateway.get(&format!("/v1/jobs/{job}/segments{query}")).await;
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

pub(crate) async fn texts(gateway: &Gateway, job: JobId, query: &str) -> Vec<String> {
    let page = read(gateway, job, query).await;
    page["items"].as_array().unwrap().iter().map(|item| item["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn segments_come_in_pages_with_ids_that_stay() {
    on_each_engine(async |gateway| {
        let job = transcribed(gateway, 5).await;
        let response = gateway.get(&format!("/v1/jobs/{job}/segments?limit=2")).await;
        assert_eq!(response.headers()["etag"], "\"1\"");
        let page: Value = response.json().await.unwrap();
        assert_eq!((&page["version"], &page["next_cursor"]), (&json!(1), &json!("1.2")));
        let expected = json!({
            "id": "0-0", "start": 0.0, "end": 1.9, "text": "Line0 goes here.", "language": "en", "channel": null,
            "speaker": null, "avg_logprob": -0.25, "no_speech_prob": 0.125,
            "words": [
                { "start": 0.0, "end": 0.5, "word": "Line0", "probability": 0.75 },
                { "start": 0.6, "end": 1.1, "word": "goes", "probability": 0.75 },
                { "start": 1.2, "end": 1.7, "word": "here.", "probability": 0.75 },
            ],
        });
        assert_eq!(page["items"][0], expected);
        // An edit in between changes nothing of the pages of a version.
        edit(gateway, job, 1, json!([{ "op": "delete", "id": "0-0" }])).await;
        let second = read(gateway, job, "?limit=2&cursor=1.2").await;
        let third = read(gateway, job, &format!("?limit=2&cursor={}", second["next_cursor"].as_str().unwrap())).await;
        assert_eq!((&second["items"][1]["id"], &third["items"][0]["id"]), (&json!("0-3"), &json!("0-4")));
        assert!(third["next_cursor"].is_null());
        assert_eq!(texts(gateway, job, "").await.len(), 4);
        assert_eq!(texts(gateway, job, "?version=1").await.len(), 5);

        let path = |query: &str| format!("/v1/jobs/{job}/segments?{query}");
        problem(gateway.get(&path("version=3")).await, 404, "version_not_found").await;
        problem(gateway.get(&path("version=0")).await, 400, "bad_request").await;
        for cursor in ["nonsense", "1", "1.x", "x.1", "-1.1"] {
            problem(gateway.get(&path(&format!("cursor={cursor}"))).await, 422, "cursor_invalid").await;
        }
        let unknown = format!("/v1/jobs/{}/segments", JobId::new());
        problem(gateway.get(&unknown).await, 404, "job_not_found").await;
    })
    .await;
}

#[tokio::test]
async fn every_operation_does_what_it_says_and_makes_one_version() {
    on_each_engine(async |gateway| {
        let job = transcribed(gateway, 6).await;
        let edited = edit(
            gateway,
            job,
            1,
            json!([
                { "op": "set", "id": "0-0", "text": "Line0 really goes here!", "speaker": " Ana " },
                { "op": "set", "id": "0-1", "end": 3.5 },
                { "op": "split", "id": "0-2", "character": 6 },
                { "op": "merge", "id": "0-3" },
                { "op": "delete", "id": "0-5" },
                { "op": "insert", "start": 10.0, "end": 11.0, "text": "Something new." },
                { "op": "replace", "find": "GOES", "with": "went", "case_sensitive": false, "whole_word": true },
            ]),
        )
        .await;
        assert_eq!((&edited["version"], &edited["replacements"]), (&json!(2), &json!(5)));
        assert_eq!(edited["removed"], json!(["0-4", "0-5"]));
        let expected = [
            "Line0 really went here!",
            "Line1 went here.",
            "Line2",
            "went here.",
            "Line3 went here. Line4 went here.",
            "Something new.",
        ];
        assert_eq!(texts(gateway, job, "").await, expected);

        let page = read(gateway, job, "").await;
        let items = page["items"].as_array().unwrap();
        assert_eq!((&items[0]["speaker"], &items[1]["end"]), (&json!("Ana"), &json!(3.5)));
        let words: Vec<_> = items[0]["words"].as_array().unwrap().iter().collect();
        assert_eq!(words[0], &json!({ "start": 0.0, "end": 0.5, "word": "Line0", "probability": 0.75 }));
        assert_eq!(words[3], &json!({ "start": 1.2, "end": 1.7, "word": "here!", "probability": 0.75 }));
        assert_eq!(words[1]["word"], "really");
        assert_eq!(
            (&items[2]["id"], &items[3]["id"], &items[5]["id"]),
            (&json!("0-2"), &json!("v2-0"), &json!("v2-1"))
        );
        assert_eq!((&items[2]["end"], &items[3]["start"]), (&json!(4.5), &json!(4.6)));
        assert_eq!((&items[4]["start"], &items[4]["end"], &items[4]["id"]), (&json!(6.0), &json!(9.9), &json!("0-3")));
        assert_eq!(items[4]["words"].as_array().unwrap().len(), 6);
        assert_eq!(items[5]["words"][1]["end"], 11.0);
        assert_eq!(gateway.job(job).await["transcript_version"], 2);

        // What changes nothing makes no version.
        let same = edit(gateway, job, 2, json!([{ "op": "replace", "find": "nowhere", "with": "x" }])).await;
        assert_eq!((&same["version"], &same["changed"]), (&json!(2), &json!([])));
        let cleared = edit(gateway, job, 2, json!([{ "op": "set", "id": "0-0", "speaker": null }])).await;
        assert_eq!((&cleared["version"], &cleared["changed"][0]["speaker"]), (&json!(3), &Value::Null));
        let emptied = edit(gateway, job, 3, json!([{ "op": "replace", "find": "Something new.", "with": "" }])).await;
        assert_eq!(emptied["removed"], json!(["v2-1"]));

        let events = gateway.events_until(job, "transcript_edited").await;
        let Some(JobEvent::TranscriptEdited(event)) = events.last() else { panic!("it was edited") };
        assert_eq!((event.version, event.segments_removed, event.reverted_to), (2, 2, 0));
        assert!(!event.api_key_id.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_batch_that_is_wrong_somewhere_changes_nothing() {
    on_each_engine(async |gateway| {
        let job = transcribed(gateway, 3).await;
        let good = json!({ "op": "set", "id": "0-0", "text": "Never seen." });
        for (wrong, code) in [
            (json!({ "op": "set", "id": "9-9", "text": "x" }), "segment_not_found"),
            (json!({ "op": "set", "id": "no id!", "text": "x" }), "operation_invalid"),
            (json!({ "op": "set", "id": "0-1", "text": "  " }), "text_invalid"),
            (json!({ "op": "set", "id": "0-1", "text": "x".repeat(10_001) }), "text_invalid"),
            (json!({ "op": "set", "id": "0-1", "speaker": "x".repeat(101) }), "speaker_invalid"),
            (json!({ "op": "set", "id": "0-1", "start": 3.9 }), "times_invalid"),
            (json!({ "op": "set", "id": "0-1", "start": -1.0 }), "operation_invalid"),
            (json!({ "op": "set", "id": "0-2", "end": 6.001 }), "times_invalid"),
            (json!({ "op": "set", "id": "0-1", "end": 4.5 }), "times_overlap"),
            (json!({ "op": "set", "id": "0-1", "start": 0.0, "end": 6.0 }), "times_overlap"),
            (json!({ "op": "insert", "start": 0.5, "end": 1.0, "text": "x" }), "times_overlap"),
            (json!({ "op": "insert", "start": 1.9, "end": 2.0, "text": "x", "channel": 1 }), "channel_invalid"),
            (json!({ "op": "insert", "start": 1.9, "end": 2.0, "text": "" }), "text_invalid"),
            (json!({ "op": "insert", "start": 1.9, "end": 2.0, "text": "x", "language": "tlh" }), "operation_invalid"),
            (json!({ "op": "split", "id": "0-1", "character": 0 }), "split_invalid"),
            (json!({ "op": "split", "id": "0-1", "at": 0.5 }), "split_invalid"),
            (json!({ "op": "split", "id": "0-1" }), "operation_invalid"),
            (json!({ "op": "merge", "id": "0-2" }), "merge_invalid"),
            (json!({ "op": "replace", "find": "", "with": "x" }), "find_invalid"),
        ] {
            let response = send(gateway, job, "*", json!([good, wrong])).await;
            let sentence = problem(response, 422, code).await;
            assert!(sentence.contains("Operation 2:") || code == "times_overlap", "{sentence}");
        }
        let many: Vec<Value> = (0..1_001).map(|_| good.clone()).collect();
        problem(send(gateway, job, "*", json!(many)).await, 422, "too_many_operations").await;
        for unreadable in [json!([{ "op": "translate", "id": "0-0" }]), json!([{ "id": "0-0" }]), json!("all")] {
            problem(send(gateway, job, "*", unreadable).await, 422, "body_invalid").await;
        }
        let huge = "x".repeat(4 << 20);
        let response = send(gateway, job, "*", json!([{ "op": "set", "id": "0-0", "text": huge }])).await;
        problem(response, 413, "body_too_large").await;
        assert_eq!(gateway.job(job).await["transcript_version"], 1);
        assert_eq!(texts(gateway, job, "").await[0], "Line0 goes here.");
        // What overlaps on the way there need not in the end.
        let swapped = json!([{ "op": "set", "id": "0-0", "end": 2.5 }, { "op": "set", "id": "0-1", "start": 2.5 }]);
        assert_eq!(edit(gateway, job, 1, swapped).await["version"], 2);
    })
    .await;
}

#[tokio::test]
async fn nobody_overwrites_what_they_have_not_seen() {
    on_each_engine(async |gateway| {
        let job = transcribed(gateway, 2).await;
        let operation = |text: &str| json!([{ "op": "set", "id": "0-0", "text": text }]);
        let path = format!("/v1/jobs/{job}/segments");
        let body = json!({ "operations": operation("x") });
        let unconditional = gateway.request(Method::PATCH, &path).json(&body).send().await.unwrap();
        problem(unconditional, 428, "version_required").await;
        edit(gateway, job, 1, operation("Mine.")).await;
        for stale in ["\"1\"", "\"3\"", "2", "W/\"2\"", ""] {
            let response = send(gateway, job, stale, operation("Stale.")).await;
            assert_eq!(response.headers()["etag"], "\"2\"");
            let sentence = problem(response, 412, "version_changed").await;
            assert!(sentence.contains("version 2"), "{sentence}");
        }
        assert_eq!(texts(gateway, job, "").await[0], "Mine.");

        // Of many at once, one is taken.
        let racing = (0..8).map(|nth| {
            let (gateway, operation) = (&*gateway, operation(&format!("Racer {nth}.")));
            async move { send(gateway, job, "\"2\"", operation).await.status().as_u16() }
        });
        let mut statuses = futures_util::future::join_all(racing).await;
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412]);
        assert_eq!(gateway.job(job).await["transcript_version"], 3);

        let stranger = escriba_test_support::tenant(&gateway.db, "stranger").await;
        let request = gateway.anonymous(Method::PATCH, &path).bearer_auth(&stranger.key).header("If-Match", "*");
        problem(request.json(&body).send().await.unwrap(), 404, "job_not_found").await;
    })
    .await;
}

#[tokio::test]
async fn every_version_is_remembered_and_can_be_gone_back_to() {
    on_each_engine(async |gateway| {
        let job = transcribed(gateway, 3).await;
        let before = texts(gateway, job, "").await;
        edit(gateway, job, 1, json!([{ "op": "delete", "id": "0-1" }, { "op": "split", "id": "0-0", "at": 1.0 }]))
            .await;
        edit(gateway, job, 2, json!([{ "op": "replace", "find": "here", "with": "there" }])).await;
        let edited = texts(gateway, job, "").await;
        let revert = async |to: &str, if_match: &str| {
            let path = format!("/v1/jobs/{job}/versions/{to}/revert");
            gateway.request(Method::POST, &path).header("If-Match", if_match).send().await.unwrap()
        };
        let reverted = taken(revert("1", "\"3\"").await).await;
        assert_eq!((&reverted["version"], &reverted["removed"]), (&json!(4), &json!(["v2-0"])));
        assert_eq!(texts(gateway, job, "").await, before);
        assert_eq!(taken(revert("4", "*").await).await["version"], 4, "it is there already");
        assert_eq!(taken(revert("3", "\"4\"").await).await["version"], 5);
        assert_eq!(texts(gateway, job, "").await, edited);
        assert_eq!(texts(gateway, job, "?version=1").await, before);
        assert_eq!(texts(gateway, job, "?version=4").await, before);

        let versions: Value = gateway.get(&format!("/v1/jobs/{job}/versions?limit=3")).await.json().await.unwrap();
        let shown =
            |version: &Value| (version["version"].clone(), version["origin"].clone(), version["reverted_to"].clone());
        let items = versions["items"].as_array().unwrap();
        assert_eq!(shown(&items[0]), (json!(5), json!("revert"), json!(3)));
        assert_eq!(shown(&items[2]), (json!(3), json!("edit"), Value::Null));
        assert_eq!((&items[2]["operations"]["replace"], &items[2]["segments_changed"]), (&json!(2), &json!(2)));
        assert!(items[0]["api_key_id"].is_string() && items[0]["created_at"].is_string());
        assert_eq!(versions["next_cursor"], "3");
        let rest: Value = gateway.get(&format!("/v1/jobs/{job}/versions?cursor=3")).await.json().await.unwrap();
        let items = rest["items"].as_array().unwrap();
        assert_eq!((items.len(), shown(&items[1])), (2, (json!(1), json!("recognition"), Value::Null)));
        assert!(rest["next_cursor"].is_null() && items[1]["api_key_id"].is_null());

        problem(revert("6", "*").await, 404, "version_not_found").await;
        problem(revert("0", "*").await, 404, "version_not_found").await;
        problem(revert("last", "*").await, 400, "bad_request").await;
        problem(revert("1", "\"1\"").await, 412, "version_changed").await;
        problem(gateway.get(&format!("/v1/jobs/{job}/versions?cursor=x")).await, 422, "cursor_invalid").await;
        problem(gateway.get(&format!("/v1/jobs/{job}/transcript?version=9")).await, 404, "version_not_found").await;
    })
    .await;
}

#[tokio::test]
async fn a_job_is_edited_once_it_is_over_and_run_again_only_unedited() {
    on_each_engine(async |gateway| {
        let item = gateway.submit_form(Form::new().part("media", media(b"x"))).await;
        let operation = json!([{ "op": "set", "id": "0-0", "text": "Early." }]);
        let mut worker = Worker::claim(gateway, &item).await;
        worker.commit(segments(&[spoken(0)], 2_000)).await;
        problem(send(gateway, item.job_id, "*", operation.clone()).await, 409, "job_not_over").await;
        let running = gateway.get(&format!("/v1/jobs/{}/segments", item.job_id)).await;
        assert!(running.headers().get("etag").is_none(), "it may still grow");

        let post = async |what: &str| {
            let path = format!("/v1/jobs/{}/{what}", item.job_id);
            gateway.request(Method::POST, &path).send().await.unwrap()
        };
        assert_eq!(post("cancel").await.status(), 200);
        drop(worker);
        edit(gateway, item.job_id, 1, operation).await;
        problem(post("retry").await, 409, "transcript_edited").await;
        assert_eq!(texts(gateway, item.job_id, "").await, ["Early."]);
        let names = gateway.event_names_until(item.job_id, "transcript_edited").await;
        assert_eq!(names, ["queued", "started", "segments_added", "canceled", "transcript_edited"]);
    })
    .await;
}
