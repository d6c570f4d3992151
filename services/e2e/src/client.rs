//! Escriba's HTTP API as a stranger's program uses it: forms, JSON, server-sent events. It shares no types with the
//! gateway, so a renamed field fails a test.

mod events;

use std::path::Path;

use reqwest::{
    Body, Method, RequestBuilder, Response, StatusCode,
    header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    multipart::{Form, Part},
};
use serde_json::Value;

pub use events::{Event, Events};

/// A caller with a key.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    pub base_url: String,
    pub key: String,
}

/// A transcript as it was served.
#[derive(Debug, Clone)]
pub struct Rendered {
    pub content_type: String,
    pub disposition: String,
    pub text: String,
}

impl Client {
    pub fn new(base_url: String, key: &str) -> Self {
        Self { http: reqwest::Client::new(), base_url, key: key.to_owned() }
    }

    /// A request with the key, for a path such as `/v1/jobs`.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base_url)).bearer_auth(&self.key)
    }

    /// Sends a recording as `curl -F` does, options first. The answer is the job's id.
    pub async fn submit(&self, file: &Path, options: &[(&'static str, &'static str)]) -> String {
        let response = self.upload(file, options).send().await.expect("the gateway answers");
        Self::accepted(response).await["id"].as_str().expect("a job has an id").to_owned()
    }

    /// The request that sends a recording, for a test that adds to it.
    pub fn upload(&self, file: &Path, options: &[(&'static str, &'static str)]) -> RequestBuilder {
        let bytes = std::fs::read(file).expect("a recording of ours can be read");
        let name = file.file_name().and_then(|name| name.to_str()).expect("our names are text");
        let form = options.iter().fold(Form::new(), |form, (name, value)| form.text(*name, *value));
        let form = form.part("media", Part::bytes(bytes).file_name(name.to_owned()));
        self.request(Method::POST, "/v1/jobs").multipart(form)
    }

    /// Sends a recording that is made while it is sent. The answer is the job.
    pub async fn stream(&self, name: &'static str, body: Body, length: u64) -> Value {
        let form = Form::new().part("media", Part::stream_with_length(body, length).file_name(name));
        let response = self.request(Method::POST, "/v1/jobs").multipart(form).send().await;
        Self::accepted(response.expect("the gateway answers")).await
    }

    /// The job in an answer to an upload, which names where to find it.
    pub async fn accepted(response: Response) -> Value {
        let (status, location) = (response.status(), response.headers().get("location").cloned());
        let job = json(response).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{job}");
        let id = job["id"].as_str().expect("a job has an id");
        assert_eq!(location.expect("an accepted job has a place"), format!("/v1/jobs/{id}").as_str());
        job
    }

    /// The job as it stands.
    pub async fn job(&self, id: &str) -> Value {
        let (status, job) = self.get(&format!("/v1/jobs/{id}")).await;
        assert_eq!(status, StatusCode::OK, "{job}");
        job
    }

    /// Any JSON answer, problems included.
    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        let response = self.request(Method::GET, path).send().await.expect("the gateway answers");
        (response.status(), json(response).await)
    }

    /// What happens to a job, from its beginning.
    pub async fn events(&self, id: &str) -> Events {
        let request = self.request(Method::GET, &format!("/v1/jobs/{id}/events"));
        let response = request.send().await.expect("the gateway answers");
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header(&response, CONTENT_TYPE.as_str()), "text/event-stream");
        Events::read(response)
    }

    /// Follows a job until it is over, and gives it back as it then stands.
    pub async fn finish(&self, id: &str) -> Value {
        self.events(id).await.rest().await;
        self.job(id).await
    }

    /// Follows a job that is expected to come to a good end.
    pub async fn complete(&self, id: &str) -> Value {
        let job = self.finish(id).await;
        assert_eq!(job["state"], "completed", "{job}");
        job
    }

    /// A transcript in a format such as `srt`.
    pub async fn transcript(&self, id: &str, format: &str) -> Rendered {
        let request = self.request(Method::GET, &format!("/v1/jobs/{id}/transcript?format={format}"));
        Rendered::read(request.send().await.expect("the gateway answers")).await
    }

    /// The plain text of a transcript.
    pub async fn text(&self, id: &str) -> String {
        self.transcript(id, "txt").await.text
    }

    /// The segments of a transcript as JSON.
    pub async fn segments(&self, id: &str) -> Vec<Value> {
        let transcript: Value = serde_json::from_str(&self.transcript(id, "json").await.text).expect("this is JSON");
        transcript["segments"].as_array().expect("a transcript has segments").clone()
    }

    /// Cancels a job.
    pub async fn cancel(&self, id: &str) -> Value {
        let request = self.request(Method::POST, &format!("/v1/jobs/{id}/cancel"));
        let response = request.send().await.expect("the gateway answers");
        assert_eq!(response.status(), StatusCode::OK);
        json(response).await
    }

    /// Runs a job again.
    pub async fn retry(&self, id: &str) -> Value {
        let request = self.request(Method::POST, &format!("/v1/jobs/{id}/retry"));
        let response = request.send().await.expect("the gateway answers");
        assert_eq!(response.status(), StatusCode::OK);
        json(response).await
    }

    /// Deletes a job.
    pub async fn delete(&self, id: &str) {
        let response = self.request(Method::DELETE, &format!("/v1/jobs/{id}")).send().await;
        assert_eq!(response.expect("the gateway answers").status(), StatusCode::NO_CONTENT);
    }
}

impl Rendered {
    pub async fn read(response: Response) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        Self {
            content_type: header(&response, CONTENT_TYPE.as_str()),
            disposition: header(&response, CONTENT_DISPOSITION.as_str()),
            text: response.text().await.expect("a transcript is text"),
        }
    }
}

fn header(response: &Response, name: &str) -> String {
    let value = response.headers().get(name).unwrap_or_else(|| panic!("there is no header {name}"));
    value.to_str().expect("headers are text").to_owned()
}

async fn json(response: Response) -> Value {
    let text = response.text().await.expect("the answer is whole");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
}
