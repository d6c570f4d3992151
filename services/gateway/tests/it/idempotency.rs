//! `Idempotency-Key`: however often a request is sent, there is one job, and everybody hears of the same one.

use escriba_test_support::{eventually, tenant};
use futures_util::future::join_all;
use reqwest::{Method, Response, multipart::Form};
use serde_json::Value;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::stack::{Gateway, media, on_each_engine, problem, recording};

async fn post(gateway: &Gateway, key: &str, form: Form) -> Response {
    let request = gateway.request(Method::POST, "/v1/jobs").header("Idempotency-Key", key);
    request.multipart(form).send().await.unwrap()
}

/// Status, place and body: what an answer is, but for the time of day.
async fn told(response: Response) -> (u16, String, String) {
    let place = response.headers().get("location").map(|place| place.to_str().unwrap().to_owned());
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    let status = response.status().as_u16();
    let body = response.text().await.unwrap();
    assert!(kind.starts_with("application/json"), "{status} {kind}: {body}");
    (status, place.unwrap(), body)
}

async fn jobs(gateway: &Gateway) -> usize {
    let page: Value = gateway.get("/v1/jobs").await.json().await.unwrap();
    page["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_answered_as_it_was() {
    on_each_engine(async |gateway| {
        let form = || recording().text("lane", "batch").text("languages", "en").text("languages", "es");
        let first = told(post(gateway, "one", form()).await).await;
        let item = gateway.doorbell().await;
        assert_eq!((first.0, &first.1), (202, &format!("/v1/jobs/{}", item.job_id)));
        assert!(first.2.contains("\"queued\""), "{}", first.2);
        // The order of the parts is no difference.
        let reordered = Form::new().text("languages", "en").text("languages", "es").text("lane", "batch");
        for form in [form(), reordered.part("media", media(b"not really a recording"))] {
            assert_eq!(told(post(gateway, "one", form).await).await, first);
        }
        gateway.restart().await;
        assert_eq!(told(post(gateway, "one", form()).await).await, first);
        // The job goes on, and its first answer stays what it was.
        gateway.request(Method::DELETE, &first.1).send().await.unwrap();
        assert_eq!(told(post(gateway, "one", form()).await).await, first);
        assert_eq!((jobs(gateway).await, gateway.stored_files()), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_key_of_another_request_is_refused() {
    on_each_engine(async |gateway| {
        post(gateway, "one", recording()).await;
        gateway.doorbell().await;
        for form in [recording().text("lane", "batch"), Form::new().part("media", media(b"another recording"))] {
            let detail = problem(post(gateway, "one", form).await, 422, "idempotency_key_reused").await;
            assert!(detail.contains("Take a new one"), "{detail}");
        }
        let import = serde_json::json!({ "media_url": "http://example.org/a.mp3" });
        let request = gateway.request(Method::POST, "/v1/jobs").header("Idempotency-Key", "one").json(&import);
        problem(request.send().await.unwrap(), 422, "idempotency_key_reused").await;
        assert_eq!((jobs(gateway).await, gateway.stored_files()), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn keys_belong_to_workspaces() {
    on_each_engine(async |gateway| {
        let stranger = tenant(&gateway.db, "globex").await;
        let ours = told(post(gateway, "one", recording()).await).await;
        let request = gateway.anonymous(Method::POST, "/v1/jobs").bearer_auth(stranger.key);
        let theirs = request.header("Idempotency-Key", "one").multipart(recording()).send().await.unwrap();
        assert_ne!(told(theirs).await.1, ours.1);
        gateway.doorbell().await;
        gateway.doorbell().await;
    })
    .await;
}

#[tokio::test]
async fn keys_that_are_none_are_refused() {
    on_each_engine(async |gateway| {
        for key in ["", "two words", "a\tb", &"k".repeat(256)] {
            problem(post(gateway, key, recording()).await, 422, "idempotency_key_invalid").await;
        }
        let foreign = reqwest::header::HeaderValue::from_bytes("año".as_bytes()).unwrap();
        let request = gateway.request(Method::POST, "/v1/jobs").header("Idempotency-Key", foreign);
        problem(request.multipart(recording()).send().await.unwrap(), 422, "idempotency_key_invalid").await;
        assert_eq!(jobs(gateway).await, 0);
        post(gateway, &"k".repeat(255), recording()).await;
        gateway.doorbell().await;
    })
    .await;
}

#[tokio::test]
async fn a_failed_attempt_does_not_use_the_key_up() {
    on_each_engine(async |gateway| {
        let wrong = recording().text("lane", "fast");
        problem(post(gateway, "one", wrong).await, 422, "option_invalid").await;
        let none = Form::new().text("lane", "batch");
        problem(post(gateway, "one", none).await, 422, "media_missing").await;
        assert_eq!(told(post(gateway, "one", recording()).await).await.0, 202);
        gateway.doorbell().await;
    })
    .await;
}

#[tokio::test]
async fn while_the_first_attempt_is_under_way_others_are_told_to_wait() {
    on_each_engine(async |gateway| {
        let connection = begin_slowly(gateway, "one").await;
        eventually("the upload begins", async || (gateway.stored_files() > 0).then_some(())).await;
        let other = post(gateway, "one", recording()).await;
        assert_eq!(other.headers()["retry-after"], "5");
        problem(other, 409, "idempotency_in_progress").await;
        post(gateway, "two", recording()).await;
        gateway.doorbell().await;
        drop(connection);
        eventually("the key is free when its sender is gone", async || {
            let response = post(gateway, "one", recording()).await;
            (response.status() == 202).then_some(())
        })
        .await;
        gateway.doorbell().await;
    })
    .await;
}

/// The beginning of an upload whose rest does not come.
async fn begin_slowly(gateway: &Gateway, key: &str) -> TcpStream {
    let body = format!(
        "--cut\r\nContent-Disposition: form-data; name=\"media\"; filename=\"a.mp3\"\r\n\r\n{}",
        "x".repeat(300 << 10)
    );
    let head = format!(
        "POST /v1/jobs HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {}\r\nIdempotency-Key: {key}\r\n\
         Content-Type: multipart/form-data; boundary=cut\r\nContent-Length: {}\r\n\r\n",
        gateway.key,
        2 * body.len()
    );
    let mut connection = TcpStream::connect(("127.0.0.1", gateway.http_port())).await.unwrap();
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(body.as_bytes()).await.unwrap();
    connection
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_at_once_one_makes_a_job() {
    on_each_engine(async |gateway| {
        let sent = (0..12).map(|_| post(gateway, "one", recording()));
        let mut places = Vec::new();
        for response in join_all(sent).await {
            match response.status().as_u16() {
                202 => places.push(told(response).await.1),
                _ => {
                    problem(response, 409, "idempotency_in_progress").await;
                }
            }
        }
        let item = gateway.doorbell().await;
        let place = format!("/v1/jobs/{}", item.job_id);
        assert!(!places.is_empty() && places.iter().all(|found| *found == place), "{places:?}");
        assert_eq!(told(post(gateway, "one", recording()).await).await.1, place);
        assert_eq!((jobs(gateway).await, gateway.stored_files()), (1, 1));
    })
    .await;
}
