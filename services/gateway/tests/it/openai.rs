//! The paths of OpenAI's interface, asked as its programs ask, with the transcriber played.

mod answers;
mod errors;
mod forms;
mod joining;
mod streams;

use std::collections::BTreeSet;

use escriba_domain::{JobId, Segment};
use escriba_events::WorkItem;
use escriba_test_support::{PATIENCE, segment};
use reqwest::{Method, RequestBuilder, Response, multipart::Form};
use serde_json::Value;

use crate::{
    stack::{Gateway, media},
    worker::{Worker, done, segments},
};

const TRANSCRIPTIONS: &str = "/v1/audio/transcriptions";
const TRANSLATIONS: &str = "/v1/audio/translations";

/// A form with a recording, a model and these parts.
fn form(parts: &[(&str, &str)]) -> Form {
    let form = parts.iter().fold(Form::new(), |form, (name, value)| form.text((*name).to_owned(), (*value).to_owned()));
    form.text("model", "whisper-1").part("file", media(b"hello"))
}

fn post(gateway: &Gateway, path: &str, form: Form) -> RequestBuilder {
    gateway.request(Method::POST, path).multipart(form)
}

/// Sends a request and plays the worker that transcribes its job: two segments, four seconds.
async fn transcribed(gateway: &mut Gateway, path: &str, form: Form) -> (WorkItem, Response) {
    let request = post(gateway, path, form);
    let said = [segment(0), segment(1)];
    let (item, response) = tokio::join!(play(gateway, &said), sent(request));
    assert_eq!(job_of(&response), item.job_id.to_string());
    (item, response)
}

async fn sent(request: RequestBuilder) -> Response {
    tokio::time::timeout(PATIENCE, request.send()).await.expect("an answer comes").unwrap()
}

/// Takes the next job and transcribes it.
async fn play(gateway: &mut Gateway, said: &[Segment]) -> WorkItem {
    let item = gateway.doorbell().await;
    let mut worker = Worker::claim(gateway, &item).await;
    worker.commit(segments(said, 4_000)).await;
    worker.commit(done(4_000)).await;
    item
}

fn job_of(response: &Response) -> String {
    response.headers()["x-escriba-job"].to_str().unwrap().to_owned()
}

fn request_id(response: &Response) -> String {
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert!(id.starts_with("req_") && id.len() > 20, "{id}");
    id
}

async fn json(response: Response) -> Value {
    assert_eq!(response.status(), 200);
    request_id(&response);
    response.json().await.unwrap()
}

/// Asserts that an answer is an error of OpenAI's shape, and gives back its sentence.
async fn refusal(response: Response, status: u16, kind: &str, param: Option<&str>, code: &str) -> String {
    let found = response.status();
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    request_id(&response);
    let body = response.text().await.unwrap();
    assert_eq!(found, status, "{body}");
    assert!(content_type.starts_with("application/json"), "{content_type}");
    let body: Value = serde_json::from_str(&body).unwrap();
    let error = body["error"].as_object().unwrap();
    let members: BTreeSet<_> = error.keys().map(String::as_str).collect();
    assert_eq!(members, BTreeSet::from(["message", "type", "param", "code"]), "{body}");
    assert_eq!((&error["type"], &error["code"]), (&Value::from(kind), &Value::from(code)), "{body}");
    assert_eq!(error["param"], param.map_or(Value::Null, Value::from), "{body}");
    let message = error["message"].as_str().unwrap();
    assert!(message.ends_with('.') && message.contains(' '), "a sentence: {message}");
    message.to_owned()
}

/// The jobs there are, newest first.
async fn jobs(gateway: &Gateway) -> Vec<String> {
    let page: Value = gateway.get("/v1/jobs").await.json().await.unwrap();
    page["items"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
}

async fn cancel(gateway: &Gateway, id: JobId) {
    let canceled = gateway.request(Method::POST, &format!("/v1/jobs/{id}/cancel")).send().await.unwrap();
    assert_eq!(canceled.status(), 200);
}
