//! How much a workspace may have: told beforehand, and refused before bytes are wasted.

use escriba_database::limits::{self, Limits};
use escriba_test_support::eventually;
use reqwest::{Method, Response, multipart::Form};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    stack::{Gateway, MAX_UPLOAD_BYTES, media, on_each_engine, problem, recording},
    worker::{Worker, done, failed, part, plan},
};

async fn limit(gateway: &Gateway, limits: Limits) {
    let tx = gateway.db.begin().await.unwrap();
    limits::set(&tx, gateway.workspace, &limits).await.unwrap();
    tx.commit().await.unwrap();
}

fn header(response: &Response, name: &str) -> Option<u64> {
    response.headers().get(name).map(|value| value.to_str().unwrap().parse().unwrap())
}

fn standing(response: &Response) -> (Option<u64>, Option<u64>) {
    (header(response, "RateLimit-Limit"), header(response, "RateLimit-Remaining"))
}

#[tokio::test]
async fn every_answer_tells_how_many_requests_are_left_and_one_too_many_is_refused() {
    on_each_engine(async |gateway| {
        let usual = gateway.get("/v1/jobs").await;
        assert_eq!(header(&usual, "RateLimit-Limit"), Some(6_000));
        limit(gateway, Limits { requests_per_minute: Some(3), ..Limits::default() }).await;
        assert_eq!(standing(&gateway.get("/v1/jobs").await), (Some(3), Some(2)));
        let missing = gateway.get(&format!("/v1/jobs/{}", escriba_domain::JobId::new())).await;
        assert_eq!((missing.status().as_u16(), standing(&missing)), (404, (Some(3), Some(1))), "errors tell it too");
        assert_eq!(header(&missing, "RateLimit-Reset"), Some(40));
        let events = gateway.get("/v1/events").await;
        assert_eq!((events.status().as_u16(), standing(&events)), (200, (Some(3), Some(0))));
        for request in [gateway.request(Method::GET, "/v1/jobs"), gateway.request(Method::POST, "/v1/jobs")] {
            let refused = request.send().await.unwrap();
            assert_eq!(standing(&refused), (Some(3), Some(0)));
            let wait = header(&refused, "Retry-After").unwrap();
            assert!((1..=20).contains(&wait), "{wait}");
            let said = problem(refused, 429, "too_many_requests").await;
            assert!(said.starts_with("This key may send 3 requests a minute, and has. Try again in "), "{said}");
        }
        let stranger = gateway.anonymous(Method::GET, "/v1/jobs").send().await.unwrap();
        assert_eq!((stranger.status().as_u16(), standing(&stranger)), (401, (None, None)));
        limit(gateway, Limits { requests_per_minute: Some(0), ..Limits::default() }).await;
        let free = gateway.get("/v1/jobs").await;
        assert_eq!((free.status().as_u16(), standing(&free)), (200, (None, None)));
    })
    .await;
}

#[tokio::test]
async fn a_workspace_sees_what_it_may_have() {
    on_each_engine(async |gateway| {
        let seen: Value = gateway.get("/v1/capabilities").await.json().await.unwrap();
        let expected = json!({
            "max_upload_bytes": MAX_UPLOAD_BYTES, "max_duration": null, "max_unfinished_jobs": null, "unfinished_jobs": 0,
            "requests_per_minute": 6_000,
        });
        assert_eq!(seen["limits"], expected);
        let models = seen["models"].as_array().unwrap();
        let names: Vec<_> = models.iter().map(|model| (&model["name"], &model["is_default"])).collect();
        assert_eq!(names, [(&json!("base"), &json!(true)), (&json!("tiny.en"), &json!(false))]);
        assert!(models[0]["languages"].as_array().unwrap().contains(&json!("es")));
        assert_eq!(models[1]["languages"], json!(["en"]));
        assert_eq!((&models[0]["is_served"], &models[0]["workers"]), (&json!(false), &json!(0)));
        assert!(seen["input_formats"].as_array().unwrap().contains(&json!("mp3")));
        assert_eq!(seen["output_formats"], json!(["json", "srt", "vtt", "txt"]));

        let limits = Limits {
            max_upload_bytes: Some(1 << 40),
            max_audio_ms: Some(90_000),
            max_unfinished_jobs: Some(7),
            requests_per_minute: Some(60),
        };
        limit(gateway, limits).await;
        gateway.submit().await;
        let seen: Value = gateway.get("/v1/capabilities").await.json().await.unwrap();
        let expected = json!({
            "max_upload_bytes": MAX_UPLOAD_BYTES, "max_duration": 90.0, "max_unfinished_jobs": 7, "unfinished_jobs": 1,
            "requests_per_minute": 60,
        });
        assert_eq!(seen["limits"], expected);
    })
    .await;
}

#[tokio::test]
async fn a_workspace_may_have_so_many_unfinished_jobs() {
    on_each_engine(async |gateway| {
        limit(gateway, Limits { max_unfinished_jobs: Some(2), ..Limits::default() }).await;
        let (first, second) = (gateway.submit().await, gateway.submit().await);
        let refused = gateway.post_form(recording()).await;
        assert_eq!(header(&refused, "Retry-After"), Some(30));
        let said = problem(refused, 429, "too_many_jobs").await;
        assert!(said.contains("may have 2 unfinished jobs at a time"), "{said}");
        assert_eq!(gateway.stored_files(), 2, "what was refused is not stored");

        let cancel = format!("/v1/jobs/{}/cancel", second.job_id);
        assert_eq!(gateway.request(Method::POST, &cancel).send().await.unwrap().status(), 200);
        gateway.submit().await;
        let retry = format!("/v1/jobs/{}/retry", second.job_id);
        problem(gateway.request(Method::POST, &retry).send().await.unwrap(), 429, "too_many_jobs").await;
        Worker::claim(gateway, &first).await.commit(done(1_000)).await;
        assert_eq!(gateway.request(Method::POST, &retry).send().await.unwrap().status(), 200);
        gateway.doorbell().await;
    })
    .await;
}

#[tokio::test]
async fn jobs_that_come_at_once_are_counted_one_by_one() {
    on_each_engine(async |gateway| {
        limit(gateway, Limits { max_unfinished_jobs: Some(3), ..Limits::default() }).await;
        let sent = (0..8).map(|_| gateway.post_form(recording()));
        let answers = futures_util::future::join_all(sent).await;
        let taken = answers.iter().filter(|answer| answer.status() == 202).count();
        assert_eq!(taken, 3, "{answers:?}");
        for _ in 0..taken {
            gateway.doorbell().await;
        }
        assert_eq!(gateway.stored_files(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_recording_is_refused_before_it_is_sent() {
    on_each_engine(async |gateway| {
        limit(gateway, Limits { max_upload_bytes: Some(1_000), ..Limits::default() }).await;
        let form = Form::new().part("media", media(&[7; 1_001]));
        let said = problem(gateway.post_form(form).await, 413, "upload_too_large").await;
        assert!(said.contains("which is 1000 bytes"), "{said}");
        gateway.submit_form(Form::new().part("media", media(&[7; 1_000]))).await;

        // As `curl` does it with a large file: not a byte of it is sent.
        let mut connection = TcpStream::connect(("127.0.0.1", gateway.http_port())).await.unwrap();
        let head = format!(
            "POST /v1/jobs HTTP/1.1\r\nHost: escriba\r\nAuthorization: Bearer {}\r\nExpect: 100-continue\r\n\
             Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 5000000\r\n\r\n",
            gateway.key
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        let mut answer = vec![0; 4_096];
        let read = connection.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert_eq!(gateway.stored_files(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_recording_that_is_too_long_fails_with_the_limit_in_its_sentence() {
    on_each_engine(async |gateway| {
        limit(gateway, Limits { max_audio_ms: Some(90_000), ..Limits::default() }).await;
        let item = gateway.submit().await;
        let mut worker = Worker::claim(gateway, &item).await;
        assert_eq!(worker.proceed.options.as_ref().unwrap().max_audio_ms, 90_000);
        worker.report(plan(100_000)).await;
        worker.commit(failed("media_too_long", false)).await;
        let job = gateway.job(item.job_id).await;
        assert_eq!(job["error"]["code"], "media_too_long");
        let said = job["error"]["message"].as_str().unwrap();
        assert!(said.ends_with("This workspace may have up to 1m 30s transcribed at once."), "{said}");

        // A worker that knows nothing of the limit finds out how long it is only by decoding it.
        let item = gateway.submit().await;
        let mut worker = Worker::claim(gateway, &item).await;
        worker.commit(part(escriba_domain::ChunkId::new(), 1)).await;
        let rung = gateway.doorbell().await;
        assert_eq!(rung.job_id, item.job_id);
        worker.commit(done(90_001)).await;
        assert_eq!(gateway.job(item.job_id).await["error"]["code"], "media_too_long");
        let item = gateway.submit().await;
        Worker::claim(gateway, &item).await.commit(done(90_000)).await;
        eventually("a recording at the limit is done", async || {
            (gateway.job(item.job_id).await["state"] == "completed").then_some(())
        })
        .await;
    })
    .await;
}
