//! Lists as programs ask for them: filters, orders, cursors, fields, and what a search finds where.

use escriba_domain::Segment;
use escriba_events::WorkItem;
use escriba_test_support::{eventually, segment, tenant};
use serde_json::{Value, json};

use crate::{
    stack::{Gateway, on_each_engine, problem, recording},
    worker::{Worker, done, segments},
};

/// Of an address.
type Parameters<'a> = &'a [(&'a str, &'a str)];

async fn list(gateway: &Gateway, query: Parameters<'_>) -> Value {
    let url = reqwest::Url::parse_with_params("http://gateway/v1/jobs", query).unwrap();
    let response = gateway.get(&format!("/v1/jobs?{}", url.query().unwrap_or_default())).await;
    let status = response.status();
    let page: Value = response.json().await.unwrap();
    assert_eq!(status, 200, "{page}");
    page
}

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
}

/// Transcribes a job with this text, in `audio_ms` of recording.
async fn transcribe(gateway: &Gateway, item: &WorkItem, texts: &[&str], audio_ms: u64) {
    let written: Vec<_> =
        (0..).zip(texts).map(|(nth, &text)| Segment { text: text.to_owned(), ..segment(nth) }).collect();
    let mut worker = Worker::claim(gateway, item).await;
    worker.commit(segments(&written, audio_ms)).await;
    worker.commit(done(audio_ms)).await;
}

/// What is searched for is found a moment after it was written.
async fn found(gateway: &Gateway, q: &str) -> Value {
    eventually("the text is indexed", async || {
        let page = list(gateway, &[("q", q)]).await;
        (!page["items"].as_array().unwrap().is_empty()).then_some(page)
    })
    .await
}

#[tokio::test]
async fn filters_orders_and_counts_go_together() {
    on_each_engine(async |gateway| {
        let short = gateway.submit_form(recording().text("tags", "radio,2026")).await;
        transcribe(gateway, &short, &["uno"], 4_000).await;
        let long = gateway.submit_form(recording().text("tags", "radio")).await;
        transcribe(gateway, &long, &["one"], 90_000).await;
        let batch = gateway.submit_form(recording().text("lane", "batch").text("language", "es")).await;
        let [short, long, batch] = [&short, &long, &batch].map(|item| item.job_id.to_string());
        let cases: [(Parameters<'_>, &[&String]); 13] = [
            (&[], &[&batch, &long, &short]),
            (&[("state", "queued,completed")], &[&batch, &long, &short]),
            (&[("state", "queued"), ("state", "failed")], &[&batch]),
            (&[("tag", "radio")], &[&long, &short]),
            (&[("tag", "radio,2026")], &[&short]),
            (&[("tag", "radio"), ("tag", "2026")], &[&short]),
            (&[("language", "es")], &[&batch]),
            (&[("language", "en")], &[&long, &short]),
            (&[("lane", "batch"), ("model", "base")], &[&batch]),
            (&[("min_duration", "4.001")], &[&long]),
            (&[("max_duration", "4"), ("state", "completed")], &[&short]),
            (&[("sort", "duration")], &[&batch, &short, &long]),
            (&[("sort", "-finished_at")], &[&long, &short, &batch]),
        ];
        for (query, expected) in cases {
            let query: Vec<_> = query.iter().copied().chain([("count", "true")]).collect();
            let page = list(gateway, &query).await;
            assert_eq!(ids(&page).iter().collect::<Vec<_>>(), expected, "{query:?}");
            assert_eq!(page["total"], expected.len());
        }
        assert_eq!(list(gateway, &[]).await["total"], Value::Null);
        let created = gateway.job(short.parse().unwrap()).await["created_at"].as_str().unwrap().to_owned();
        assert_eq!(ids(&list(gateway, &[("created_before", &created)]).await), [""; 0]);
        assert_eq!(ids(&list(gateway, &[("created_after", &created)]).await).len(), 3);
        let job = list(gateway, &[("fields", "state, tags"), ("tag", "2026")]).await["items"][0].take();
        assert_eq!(job, json!({ "id": short, "state": "completed", "tags": ["radio", "2026"] }));
    })
    .await;
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_list_alone() {
    on_each_engine(async |gateway| {
        for _ in 0..3 {
            gateway.submit_form(recording().text("tags", "x")).await;
        }
        let first = list(gateway, &[("limit", "1"), ("state", "queued,failed")]).await;
        let cursor = first["next_cursor"].as_str().unwrap();
        // Another size, other fields, and the same states in other words are the same list.
        let rest = [("state", "failed"), ("state", "queued"), ("cursor", cursor), ("limit", "9"), ("fields", "id")];
        let page = list(gateway, &rest).await;
        assert_eq!((ids(&page).len(), &page["next_cursor"]), (2, &Value::Null));
        for other in ["", "&state=queued", "&state=queued,failed&sort=created_at", "&state=queued,failed&tag=x"] {
            let path = format!("/v1/jobs?cursor={cursor}{other}");
            let detail = problem(gateway.get(&path).await, 422, "cursor_invalid").await;
            assert!(detail.contains("begin anew"), "{detail}");
        }
        let stranger = tenant(&gateway.db, "globex").await;
        let path = format!("/v1/jobs?state=queued,failed&cursor={cursor}");
        let request = gateway.anonymous(reqwest::Method::GET, &path).bearer_auth(&stranger.key);
        problem(request.send().await.unwrap(), 422, "cursor_invalid").await;
    })
    .await;
}

#[tokio::test]
async fn a_search_says_where_it_found_what() {
    on_each_engine(async |gateway| {
        let item = gateway.submit_form(recording().text("title", "José en directo")).await;
        let other = gateway.submit().await;
        transcribe(gateway, &item, &["Nada", "El año nuevo de <b>José</b>", "y ya"], 6_000).await;
        let page = found(gateway, "jose \"año nuevo\" interv*").await;
        assert_eq!(ids(&page), [item.job_id.to_string()]);
        let piece = |text: &str, matches: bool| json!({ "text": text, "match": matches });
        let expected = json!([
            { "field": "title", "start": null, "fragment": [piece("José", true), piece(" en directo", false)] },
            { "field": "file_name", "start": null, "fragment": [piece("interview", true), piece(".mp3", false)] },
            { "field": "text", "start": 2.0, "fragment": [
                piece("El ", false), piece("año nuevo", true), piece(" de <b>", false), piece("José", true),
                piece("</b>", false),
            ] },
        ]);
        assert_eq!(page["items"][0]["highlights"], expected);
        assert_eq!(gateway.job(item.job_id).await["highlights"], Value::Null);

        assert_eq!(found(gateway, "interview").await["items"].as_array().unwrap().len(), 2);
        for q in ["\"nuevo año\"", "***", "\"", "NOT", "josé) OR (x", "a:b"] {
            assert_eq!(list(gateway, &[("q", q), ("count", "true")]).await["total"], 0, "{q}");
        }
        assert_eq!(ids(&list(gateway, &[("q", "")]).await).len(), 2, "nothing is searched for");
        let queued = list(gateway, &[("q", "interview"), ("state", "queued")]).await;
        assert_eq!(ids(&queued), [other.job_id.to_string()]);

        let stranger = tenant(&gateway.db, "globex").await;
        let request = gateway.anonymous(reqwest::Method::GET, "/v1/jobs?q=jose").bearer_auth(&stranger.key);
        let page: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(page["items"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn a_new_title_is_found_and_the_old_one_is_not() {
    on_each_engine(async |gateway| {
        let job = gateway.submit_form(recording().text("title", "Before")).await.job_id;
        found(gateway, "before").await;
        let request = gateway.request(reqwest::Method::PATCH, &format!("/v1/jobs/{job}"));
        request.json(&json!({ "title": "Afterwards" })).send().await.unwrap();
        assert_eq!(ids(&found(gateway, "afterwards").await), [job.to_string()]);
        assert!(ids(&list(gateway, &[("q", "before")]).await).is_empty());
    })
    .await;
}
