//! Submitting recordings: what is taken, what is refused and why, and that nothing refused stays behind.

use escriba_domain::Lane;
use escriba_test_support::eventually;
use reqwest::{Method, multipart::Form};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::stack::{Gateway, MAX_UPLOAD_BYTES, media, on_each_engine, problem, recording};

#[tokio::test]
async fn an_upload_is_accepted_and_queued() {
    on_each_engine(async |gateway| {
        let form = Form::new()
            .text("language", "ES")
            .text("task", "translate")
            .text("lane", "batch")
            .text("prompt", "Escriba, año")
            .text("word_timestamps", "true")
            .part("media", media(b"hello"));
        let response = gateway.post_form(form).await;
        assert_eq!(response.status(), 202);
        let location = response.headers()["location"].to_str().unwrap().to_owned();
        let job: Value = response.json().await.unwrap();
        assert_eq!(location, format!("/v1/jobs/{}", job["id"].as_str().unwrap()));
        assert_eq!((job["state"].as_str(), job["file_name"].as_str()), (Some("queued"), Some("interview.mp3")));
        assert_eq!(job["media"]["bytes"], 5);
        let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        assert_eq!(job["media"]["sha256"], hash);
        let options = serde_json::json!({
            "language": "es", "languages": [], "multilingual": false, "task": "translate", "model": "base",
            "lane": "batch", "prompt": "Escriba, año", "hotwords": [], "channels": "mix", "audio_track": null,
            "word_timestamps": true,
        });
        assert_eq!(job["options"], options);
        let item = gateway.doorbell().await;
        assert_eq!(
            (item.job_id.to_string(), item.lane, item.ring),
            (job["id"].as_str().unwrap().into(), Lane::Batch, 1)
        );
        // Its place in the queue is told to whoever asks, and not in the answer to its submission.
        let mut found = gateway.get(&location).await.json::<Value>().await.unwrap();
        assert_eq!(found["queue"].take()["position"], 1);
        assert_eq!(found, job);
        assert_eq!(gateway.event_names_until(item.job_id, "queued").await, ["queued"]);
        assert_eq!(gateway.stored_files(), 1);
    })
    .await;
}

#[tokio::test]
async fn options_may_come_after_the_recording() {
    on_each_engine(async |gateway| {
        let item = gateway.submit_form(recording().text("language", "de").text("lane", "batch")).await;
        let job = gateway.job(item.job_id).await;
        assert_eq!((job["options"]["language"].as_str(), job["options"]["lane"].as_str()), (Some("de"), Some("batch")));
    })
    .await;
}

#[tokio::test]
async fn lists_are_read_as_people_write_them_and_add_up() {
    on_each_engine(async |gateway| {
        let form = Form::new()
            .text("languages", "en, ES")
            .text("hotwords", "Escriba, Jet Stream\r\nTraefik\n")
            .text("multilingual", "true")
            .text("channels", "separate")
            .text("audio_track", "SPA")
            .part("media", media(b"hello"))
            .text("languages", "de,en")
            .text("hotwords", "Traefik,año");
        let item = gateway.submit_form(form).await;
        let options = gateway.job(item.job_id).await["options"].clone();
        assert_eq!(options["languages"], serde_json::json!(["en", "es", "de"]));
        assert_eq!(options["hotwords"], serde_json::json!(["Escriba", "Jet Stream", "Traefik", "año"]));
        assert_eq!((&options["multilingual"], &options["channels"]), (&true.into(), &"separate".into()));
        assert_eq!((&options["audio_track"], &options["language"]), (&"spa".into(), &Value::Null));
    })
    .await;
}

#[tokio::test]
async fn a_recording_at_the_limit_is_taken_and_an_empty_one_is_the_transcribers_to_judge() {
    on_each_engine(async |gateway| {
        for bytes in [MAX_UPLOAD_BYTES, 0] {
            let item = gateway.submit_form(Form::new().part("media", media(&vec![7; bytes]))).await;
            assert_eq!(gateway.job(item.job_id).await["media"]["bytes"], bytes);
        }
    })
    .await;
}

#[tokio::test]
async fn wrong_options_are_refused_with_a_sentence_wherever_they_stand() {
    on_each_engine(async |gateway| {
        let long_prompt = "x".repeat(801);
        let (long_word, many_words) = ("ñ".repeat(81), distinct_words(81));
        let wrong = [
            ("language", "klingon", "option_invalid", "`klingon` is not a known language"),
            ("task", "summarise", "option_invalid", "transcribe, translate"),
            ("lane", "fast", "option_invalid", "interactive, batch"),
            ("model", "Base!", "option_invalid", "not a model name"),
            ("model", "large", "option_invalid", "Ask for one of: base, tiny.en."),
            ("word_timestamps", "yes", "option_invalid", "use `true` or `false`"),
            ("prompt", &long_prompt, "option_invalid", "801 characters"),
            ("languages", "en,klingon", "option_invalid", "`klingon` is not a known language: use ISO 639-1 codes"),
            ("multilingual", "1", "option_invalid", "use `true` or `false`"),
            ("hotwords", &long_word, "option_invalid", "has 81 characters; at most 80"),
            ("hotwords", &many_words, "option_invalid", "have 810 characters together; at most 800"),
            ("channels", "left", "option_invalid", "mix, separate"),
            ("audio_track", "0", "option_invalid", "counted from 1"),
            ("speaker_count", "2", "option_unknown", "`speaker_count` is unknown. Known are media, language"),
        ];
        for (name, value, code, says) in wrong {
            let (name, value) = (name.to_owned(), value.to_owned());
            let before = Form::new().text(name.clone(), value.clone()).part("media", media(b"hello"));
            let after = recording().text(name, value);
            for form in [before, after] {
                let detail = problem(gateway.post_form(form).await, 422, code).await;
                assert!(detail.contains(says), "{detail}");
            }
        }
        let english_only = recording().text("model", "tiny.en").text("language", "es");
        let detail = problem(gateway.post_form(english_only).await, 422, "option_invalid").await;
        assert!(detail.contains("knows English alone"), "{detail}");
        let endless = Form::new().text("prompt", "x".repeat(20 << 10)).part("media", media(b"hello"));
        problem(gateway.post_form(endless).await, 422, "option_too_long").await;
        nothing_was_taken(gateway).await;
    })
    .await;
}

/// A list of this many words of ten characters.
fn distinct_words(count: usize) -> String {
    (0..count).map(|nth| format!("word-{nth:05}")).collect::<Vec<_>>().join(",")
}

#[tokio::test]
async fn options_that_contradict_each_other_are_refused() {
    on_each_engine(async |gateway| {
        let known_english = "knows English alone";
        let cases: [(&[(&str, &str)], &str); 6] = [
            (&[("language", "en"), ("languages", "en,es")], "`languages` lists those to choose from. Send one of"),
            (&[("multilingual", "true"), ("language", "en")], "`multilingual` lets it change. Send one of the two."),
            (&[("model", "tiny.en"), ("languages", "en,es")], known_english),
            (&[("model", "tiny.en"), ("multilingual", "true")], known_english),
            (&[("model", "tiny.en"), ("language", "es")], known_english),
            (&[("prompt", "twelve chars"), ("hotwords", &distinct_words(79))], "have 802 characters together"),
        ];
        for (options, says) in cases {
            let fill = |form: Form| {
                options.iter().fold(form, |form, &(name, value)| form.text(name.to_owned(), value.to_owned()))
            };
            for form in [fill(Form::new()).part("media", media(b"hello")), fill(recording())] {
                let detail = problem(gateway.post_form(form).await, 422, "option_invalid").await;
                assert!(detail.contains(says), "{detail}");
            }
        }
        nothing_was_taken(gateway).await;
        gateway.submit_form(recording().text("languages", "en,es").text("language", "auto")).await;
    })
    .await;
}

#[tokio::test]
async fn a_form_needs_exactly_one_recording() {
    on_each_engine(async |gateway| {
        let none = Form::new().text("language", "en");
        problem(gateway.post_form(none).await, 422, "media_missing").await;
        let two = recording().part("media", media(b"another"));
        problem(gateway.post_form(two).await, 422, "media_repeated").await;
        nothing_was_taken(gateway).await;
    })
    .await;
}

#[tokio::test]
async fn a_body_that_is_no_form_is_refused() {
    on_each_engine(async |gateway| {
        let text = gateway.request(Method::POST, "/v1/jobs").header("Content-Type", "text/plain").body("hello");
        problem(text.send().await.unwrap(), 415, "unsupported_media_type").await;
        let untyped = gateway.request(Method::POST, "/v1/jobs").body("hello").send().await.unwrap();
        problem(untyped, 415, "unsupported_media_type").await;
        nothing_was_taken(gateway).await;
    })
    .await;
}

#[tokio::test]
async fn a_recording_over_the_limit_is_refused_and_leaves_nothing() {
    on_each_engine(async |gateway| {
        for bytes in [MAX_UPLOAD_BYTES + 1, 24 * MAX_UPLOAD_BYTES] {
            let form = Form::new().part("media", media(&vec![7; bytes]));
            let detail = problem(gateway.post_form(form).await, 413, "upload_too_large").await;
            assert!(detail.contains(&MAX_UPLOAD_BYTES.to_string()), "{detail}");
        }
        nothing_was_taken(gateway).await;
    })
    .await;
}

const BOUNDARY: &str = "cut-here";

fn head(gateway: &Gateway, length: usize) -> String {
    format!(
        "POST /v1/jobs HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {}\r\nContent-Type: multipart/form-data; \
         boundary={BOUNDARY}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n",
        gateway.key
    )
}

fn beginning() -> String {
    let bytes = "x".repeat(300 << 10);
    format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"media\"; filename=\"a.mp3\"\r\n\r\n{bytes}")
}

#[tokio::test]
async fn a_form_without_its_end_is_refused_and_leaves_nothing() {
    on_each_engine(async |gateway| {
        let body = beginning();
        let mut connection = TcpStream::connect(("127.0.0.1", gateway.http_port())).await.unwrap();
        connection.write_all(head(gateway, body.len()).as_bytes()).await.unwrap();
        connection.write_all(body.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.contains("application/problem+json") && answer.contains("\"bad_request\""), "{answer}");
        nothing_was_taken(gateway).await;
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_leaves_nothing() {
    on_each_engine(async |gateway| {
        let body = beginning();
        let mut connection = TcpStream::connect(("127.0.0.1", gateway.http_port())).await.unwrap();
        connection.write_all(head(gateway, 2 * body.len()).as_bytes()).await.unwrap();
        connection.write_all(body.as_bytes()).await.unwrap();
        // The upload has begun: its unfinished file is there before the connection goes.
        eventually("the upload begins", async || (gateway.stored_files() > 0).then_some(())).await;
        drop(connection);
        nothing_was_taken(gateway).await;
    })
    .await;
}

/// No object, no job, no message.
async fn nothing_was_taken(gateway: &Gateway) {
    eventually("storage is empty", async || (gateway.stored_files() == 0).then_some(())).await;
    let jobs: Value = gateway.get("/v1/jobs").await.json().await.unwrap();
    assert_eq!(jobs["items"], serde_json::json!([]));
    gateway.outbox_is_empty().await;
    assert_eq!(gateway.messaging.stored_messages(&escriba_events::EVENTS).await.unwrap(), 0);
}
