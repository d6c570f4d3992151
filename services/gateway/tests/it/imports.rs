//! Recordings that the gateway fetches, from a server that the operator of these tests has allowed. Which others are
//! refused is told in detail beside `clients/remote.rs`.

use std::net::SocketAddr;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::stack::{Gateway, MAX_UPLOAD_BYTES, on_each_engine, problem};

/// Gives each that asks the same answer, once it is told to.
async fn serve(answer: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = [0; 4096];
            assert_ne!(connection.read(&mut request).await.unwrap(), 0);
            // Whoever has read enough hangs up.
            connection.write_all(&answer).await.ok();
        }
    });
    address
}

fn found(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn recording() -> Vec<u8> {
    [b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0".as_slice(), &[7; 9_000]].concat()
}

async fn import(gateway: &Gateway, body: &Value) -> Response {
    gateway.request(Method::POST, "/v1/jobs").json(body).send().await.unwrap()
}

fn with_key(gateway: &Gateway, body: &Value) -> RequestBuilder {
    gateway.request(Method::POST, "/v1/jobs").header("Idempotency-Key", "one").json(body)
}

async fn nothing_was_taken(gateway: &Gateway) {
    assert_eq!(gateway.stored_files(), 0);
    let jobs: Value = gateway.get("/v1/jobs").await.json().await.unwrap();
    assert_eq!(jobs["items"], json!([]));
}

#[tokio::test]
async fn a_recording_is_fetched_and_queued_with_all_its_options() {
    on_each_engine(async |gateway| {
        let headers = "Content-Type: audio/wav\r\nContent-Disposition: attachment; filename*=UTF-8''a%C3%B1o.wav\r\n";
        let address = serve(found(headers, &recording())).await;
        let body = json!({
            "media_url": format!("http://{address}/x"), "languages": ["en", "ES"], "multilingual": true,
            "task": "translate", "model": "base", "lane": "batch", "prompt": "A talk.", "hotwords": ["Escriba"],
            "channels": "separate", "audio_track": "2", "word_timestamps": true,
        });
        let response = import(gateway, &body).await;
        assert_eq!(response.status(), 202, "{}", response.text().await.unwrap());
        let location = response.headers()["location"].to_str().unwrap().to_owned();
        let job: Value = response.json().await.unwrap();
        assert_eq!(location, format!("/v1/jobs/{}", job["id"].as_str().unwrap()));
        assert_eq!((&job["file_name"], &job["media"]["bytes"]), (&json!("año.wav"), &json!(recording().len())));
        let options = json!({
            "language": null, "languages": ["en", "es"], "multilingual": true, "task": "translate", "model": "base",
            "lane": "batch", "prompt": "A talk.", "hotwords": ["Escriba"], "channels": "separate", "audio_track": "2",
            "word_timestamps": true,
        });
        assert_eq!(job["options"], options);
        assert_eq!(gateway.doorbell().await.job_id.to_string(), job["id"].as_str().unwrap());
        assert_eq!(gateway.stored_files(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_address_names_a_recording_whose_server_does_not() {
    on_each_engine(async |gateway| {
        let address = serve(found("", &recording())).await;
        let body = json!({ "media_url": format!("http://{address}/talks/my%20talk.wav?token=x") });
        let job: Value = import(gateway, &body).await.json().await.unwrap();
        assert_eq!(job["file_name"], "my talk.wav");
        gateway.doorbell().await;
    })
    .await;
}

#[tokio::test]
async fn addresses_of_the_house_are_forbidden_however_they_are_written() {
    on_each_engine(async |gateway| {
        let port = gateway.http_port();
        for host in [
            "127.0.0.1",
            "2130706433",
            "0177.0.0.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "localhost",
            "169.254.169.254",
            "10.0.0.1",
            "user:secret@127.0.0.2",
        ] {
            let body = json!({ "media_url": format!("http://{host}:{port}/openapi.json") });
            problem(import(gateway, &body).await, 422, "media_url_forbidden").await;
        }
        let redirect = format!("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{port}/openapi.json\r\n\r\n");
        let address = serve(redirect.into_bytes()).await;
        for url in [format!("http://{address}/"), "file:///etc/passwd".to_owned()] {
            problem(import(gateway, &json!({ "media_url": url })).await, 422, "media_url_forbidden").await;
        }
        nothing_was_taken(gateway).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_no_recording_or_does_not_come_is_refused_with_a_sentence() {
    on_each_engine(async |gateway| {
        let page = serve(found("Content-Type: audio/mpeg\r\n", b"<!DOCTYPE html><title>Sign in</title>")).await;
        let missing = serve(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec()).await;
        let mut cut = found("", &recording());
        cut.truncate(cut.len() - 5_000);
        let cut = serve(cut).await;
        let large = serve(found("", &[recording(), vec![7; MAX_UPLOAD_BYTES]].concat())).await;
        let head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
        let endless = serve([head, recording(), vec![7; 2 * MAX_UPLOAD_BYTES]].concat()).await;
        for (address, status, code, says) in [
            (page, 422, "media_url_not_media", "is a web page, not a recording"),
            (missing, 422, "media_url_unreachable", "answered with 404 Not Found"),
            (cut, 422, "media_url_unreachable", "could not be fetched to its end"),
            (large, 413, "upload_too_large", "larger than is taken here"),
            (endless, 413, "upload_too_large", "larger than is taken here"),
        ] {
            let response = import(gateway, &json!({ "media_url": format!("http://{address}/a.mp3") })).await;
            let detail = problem(response, status, code).await;
            assert!(detail.contains(says), "{detail}");
        }
        let nobody = TcpListener::bind("127.0.0.2:0").await.unwrap().local_addr().unwrap();
        let body = json!({ "media_url": format!("http://{nobody}/a.mp3") });
        problem(import(gateway, &body).await, 422, "media_url_unreachable").await;
        nothing_was_taken(gateway).await;
    })
    .await;
}

#[tokio::test]
async fn bodies_that_do_not_fit_are_refused_before_anything_is_fetched() {
    on_each_engine(async |gateway| {
        let url = "http://127.0.0.1/a.mp3";
        for (body, code, says) in [
            (json!({ "lane": "batch" }), "media_missing", "has no `media_url`"),
            (json!(["http://127.0.0.1/a.mp3"]), "media_missing", "has no `media_url`"),
            (json!({ "media_url": [url] }), "option_invalid", "does not fit"),
            (json!({ "media_url": url, "word_timestamps": "true" }), "option_invalid", "does not fit"),
            (json!({ "media_url": url, "speaker_count": 2 }), "option_invalid", "speaker_count"),
            (json!({ "media_url": url, "lane": "fast" }), "option_invalid", "interactive, batch"),
            (json!({ "media_url": url, "languages": ["klingon"] }), "option_invalid", "not a known language"),
            (json!({ "media_url": url, "language": "en", "languages": ["en"] }), "option_invalid", "Send one of the"),
            (json!({ "media_url": "talk.mp3" }), "media_url_invalid", "is not an address"),
        ] {
            let detail = problem(import(gateway, &body).await, 422, code).await;
            assert!(detail.contains(says), "{detail}");
        }
        let broken = gateway.request(Method::POST, "/v1/jobs").header("Content-Type", "application/json");
        problem(broken.body("{").send().await.unwrap(), 400, "bad_request").await;
        nothing_was_taken(gateway).await;
    })
    .await;
}

#[tokio::test]
async fn a_fetch_with_a_key_goes_on_without_its_sender_and_is_answered_later() {
    on_each_engine(async |gateway| {
        let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let body = json!({ "media_url": format!("http://{}/a.wav", listener.local_addr().unwrap()) });
        let sent = tokio::spawn(with_key(gateway, &body).send());
        let (mut connection, _) = listener.accept().await.unwrap();
        assert_ne!(connection.read(&mut [0; 4096]).await.unwrap(), 0);
        let answer = found("", &recording());
        connection.write_all(&answer[..5_000]).await.unwrap();
        sent.abort();
        problem(with_key(gateway, &body).send().await.unwrap(), 409, "idempotency_in_progress").await;
        connection.write_all(&answer[5_000..]).await.unwrap();
        let item = gateway.doorbell().await;
        for _ in 0..2 {
            let response = with_key(gateway, &body).send().await.unwrap();
            assert_eq!(response.status(), 202);
            assert_eq!(response.headers()["location"], format!("/v1/jobs/{}", item.job_id).as_str());
        }
        assert_eq!(gateway.stored_files(), 1);
    })
    .await;
}
