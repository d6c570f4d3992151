//! Titles, tags and metadata: sent with a recording, shown with its job, and changed later.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::stack::{Gateway, on_each_engine, problem, recording};

async fn patch(gateway: &Gateway, job: escriba_domain::JobId, body: &Value) -> Response {
    gateway.request(Method::PATCH, &format!("/v1/jobs/{job}")).json(body).send().await.unwrap()
}

fn labels(job: &Value) -> Value {
    json!({ "title": job["title"], "tags": job["tags"], "metadata": job["metadata"] })
}

#[tokio::test]
async fn a_job_shows_what_was_written_on_it() {
    on_each_engine(async |gateway| {
        let form = recording()
            .text("title", "  El alcalde, \"en directo\" ")
            .text("tags", "radio, año 2026")
            .text("tags", "radio,x")
            .text("metadata", r#"{"customer": "4711", "año": ""}"#);
        let item = gateway.submit_form(form).await;
        let expected = json!({
            "title": "El alcalde, \"en directo\"", "tags": ["radio", "año 2026", "x"],
            "metadata": { "customer": "4711", "año": "" },
        });
        assert_eq!(labels(&gateway.job(item.job_id).await), expected);
        let list: Value = gateway.get("/v1/jobs").await.json().await.unwrap();
        assert_eq!(labels(&list["items"][0]), expected);

        let plain = gateway.submit().await;
        let nothing = json!({ "title": null, "tags": [], "metadata": {} });
        assert_eq!(labels(&gateway.job(plain.job_id).await), nothing);
    })
    .await;
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    on_each_engine(async |gateway| {
        let form = recording().text("title", "a").text("tags", "x,y").text("metadata", r#"{"k": "1", "l": "2"}"#);
        let job = gateway.submit_form(form).await.job_id;
        let steps = [
            (json!({}), json!({ "title": "a", "tags": ["x", "y"], "metadata": { "k": "1", "l": "2" } })),
            (json!({ "title": "b" }), json!({ "title": "b", "tags": ["x", "y"], "metadata": { "k": "1", "l": "2" } })),
            (
                json!({ "tags": ["z", " z "], "metadata": { "k": null, "m": "3" } }),
                json!({ "title": "b", "tags": ["z"], "metadata": { "l": "2", "m": "3" } }),
            ),
            (
                json!({ "title": null, "tags": null, "metadata": null }),
                json!({ "title": null, "tags": [], "metadata": {} }),
            ),
        ];
        for (change, expected) in steps {
            let response = patch(gateway, job, &change).await;
            assert_eq!(response.status(), 200, "{change}");
            assert_eq!(labels(&response.json().await.unwrap()), expected, "{change}");
            assert_eq!(labels(&gateway.job(job).await), expected, "{change}");
        }
        problem(patch(gateway, escriba_domain::JobId::new(), &json!({ "title": "b" })).await, 404, "job_not_found")
            .await;
    })
    .await;
}

#[tokio::test]
async fn labels_over_their_limits_are_refused_with_a_sentence() {
    on_each_engine(async |gateway| {
        let job = gateway.submit().await.job_id;
        let long_tag = "ñ".repeat(65);
        let many_tags = (0..33).map(|nth| format!("tag {nth}")).collect::<Vec<_>>().join(",");
        let many_keys = json!((0..17).map(|nth| (nth.to_string(), "v")).collect::<std::collections::BTreeMap<_, _>>());
        let long_value = json!({ "k": "v".repeat(1_001) }).to_string();
        let cases = [
            ("title", "x".repeat(201), "title_invalid", "201 characters; at most 200"),
            ("tags", long_tag, "tags_invalid", "65 characters; each may have 1 to 64"),
            ("tags", many_tags, "tags_invalid", "33 tags; at most 32"),
            ("metadata", many_keys.to_string(), "metadata_invalid", "17 keys; at most 16"),
            ("metadata", long_value, "metadata_invalid", "value of `k` has 1001 characters; at most 1000"),
            ("metadata", "[]".to_owned(), "metadata_invalid", "a JSON object whose values are text"),
            ("metadata", r#"{"k": 1}"#.to_owned(), "metadata_invalid", "a JSON object whose values are text"),
            ("metadata", r#"{"k": "\u0000"}"#.to_owned(), "metadata_invalid", "U+0000"),
        ];
        for (name, value, code, says) in cases {
            let before = reqwest::multipart::Form::new().text(name, value.clone());
            let before = before.part("media", crate::stack::media(b"hello"));
            for form in [before, recording().text(name, value.clone())] {
                let detail = problem(gateway.post_form(form).await, 422, code).await;
                assert!(detail.contains(says), "{detail}");
            }
        }
        for (change, code) in [
            (json!({ "title": "two\nlines" }), "title_invalid"),
            (json!({ "tags": ["a,b"] }), "tags_invalid"),
            (json!({ "tags": [""] }), "tags_invalid"),
            (json!({ "metadata": { "": "v" } }), "metadata_invalid"),
        ] {
            problem(patch(gateway, job, &change).await, 422, code).await;
        }
        for wrong in [
            json!({ "colour": "blue" }),
            json!({ "title": {} }),
            json!({ "tags": "a" }),
            json!({ "metadata": { "k": [] } }),
            json!([]),
        ] {
            problem(patch(gateway, job, &wrong).await, 422, "body_invalid").await;
        }
        assert_eq!(labels(&gateway.job(job).await), json!({ "title": null, "tags": [], "metadata": {} }));
        assert_eq!(gateway.stored_files(), 1, "nothing refused is kept");
    })
    .await;
}
