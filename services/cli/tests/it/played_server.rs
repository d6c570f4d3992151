//! A server that speaks as much of Escriba's API as the commands for a server need, and keeps what it was told. The first
//! event stream of each job breaks off, as networks do.

use std::{collections::BTreeMap, sync::Arc, thread};

use poem::{
    EndpointExt, IntoResponse, Request, Response, Route, Server, get, handler,
    http::StatusCode,
    listener::{Acceptor, Listener, TcpListener},
    post,
    web::{Data, Multipart, Path},
};
use serde_json::json;
use tokio::sync::{Mutex, oneshot};

pub(crate) const KEY: &str = "played-key";

/// What a recording of these bytes leads to.
pub(crate) const BAD: &[u8] = b"no sound in here";
pub(crate) const ENDLESS: &[u8] = b"on and on";
/// Third in the queue, for ever.
pub(crate) const WAITING: &[u8] = b"after you";

#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// Each upload's form fields in order, the file's name and content last.
    pub(crate) uploads: Vec<Vec<(String, String)>>,
    /// Each event request's `Last-Event-ID`.
    pub(crate) resumed_from: Vec<Option<String>>,
    pub(crate) canceled: Vec<String>,
    pub(crate) retried: Vec<String>,
    contents: BTreeMap<String, Vec<u8>>,
}

type Shared = Arc<Mutex<Heard>>;

pub(crate) struct PlayedServer {
    pub(crate) url: String,
    heard: Shared,
}

impl PlayedServer {
    pub(crate) fn start() -> Self {
        let heard = Shared::default();
        let (tell, told) = oneshot::channel();
        let routes = Route::new()
            .at("/v1/jobs", post(submit))
            .at("/v1/jobs/:id", get(job))
            .at("/v1/jobs/:id/events", get(events))
            .at("/v1/jobs/:id/cancel", post(cancel))
            .at("/v1/jobs/:id/retry", post(retry))
            .at("/v1/queue", get(queue))
            .at("/v1/jobs/:id/transcript", get(transcript))
            .data(Arc::clone(&heard));
        // Lives as long as the tests' process.
        thread::spawn(move || {
            tokio::runtime::Runtime::new().unwrap().block_on(async move {
                let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
                tell.send(*acceptor.local_addr()[0].as_socket_addr().unwrap()).unwrap();
                Server::new_with_acceptor(acceptor).run(routes).await.unwrap();
            });
        });
        let address = told.blocking_recv().unwrap();
        Self { url: format!("http://{address}"), heard }
    }

    pub(crate) fn heard<T>(&self, read: impl FnOnce(&Heard) -> T) -> T {
        read(&self.heard.blocking_lock())
    }
}

#[handler]
async fn submit(request: &Request, mut form: Multipart, heard: Data<&Shared>) -> Response {
    if request.header("authorization") != Some(&format!("Bearer {KEY}")) {
        let problem = json!({"title": "Unauthenticated", "status": 401, "detail": "The key is not known.",
            "code": "unknown_key"});
        return problem.to_string().with_status(StatusCode::UNAUTHORIZED).into_response();
    }
    let mut fields = Vec::new();
    let mut content = Vec::new();
    while let Some(field) = form.next_field().await.unwrap() {
        let name = field.name().unwrap().to_owned();
        let file_name = field.file_name().map(str::to_owned);
        let bytes = field.bytes().await.unwrap();
        fields.push((name, file_name.unwrap_or_else(|| String::from_utf8(bytes.clone()).unwrap())));
        content = bytes;
    }
    let mut heard = heard.lock().await;
    heard.uploads.push(fields);
    let id = format!("019a9a3e-7c1b-7d52-8f64-{:012}", heard.uploads.len());
    heard.contents.insert(id.clone(), content);
    json!({"id": id, "state": "queued"}).to_string().with_status(StatusCode::ACCEPTED).into_response()
}

#[handler]
async fn job(Path(id): Path<String>, heard: Data<&Shared>) -> String {
    if heard.lock().await.contents.get(&id).is_some_and(|content| content == WAITING) {
        return json!({"id": id, "state": "queued", "queue": {"position": 3, "time_to_completion": 41.0}}).to_string();
    }
    json!({"id": id, "state": "running", "duration": 11.0, "processing_time": 2.0, "language": "en",
        "warnings": [{"code": "cut_short", "message": "The recording ends early."}],
        "statistics": {"speech": 9.5, "windows": 2, "full_context_windows": 0, "hotter_windows": 0,
            "silent_windows": 0, "dropped_loops": 2, "dropped_phantoms": 0}})
    .to_string()
}

#[handler]
async fn events(request: &Request, Path(id): Path<String>, heard: Data<&Shared>) -> Response {
    let resumed_from = request.header("last-event-id").map(str::to_owned);
    let content = {
        let mut heard = heard.lock().await;
        heard.resumed_from.push(resumed_from.clone());
        heard.contents[&id].clone()
    };
    if content == ENDLESS || content == WAITING {
        std::future::pending::<()>().await;
    }
    let stream = match (resumed_from, content.as_slice()) {
        (None, _) => {
            "id: 1\nevent: job.queued\ndata: {}\n\nid: 2\nevent: job.started\ndata: {}\n\n\
             event: job.progress\ndata: {\"processed\":5.5,\"duration\":11.0,\"speed\":5.5,\"time_left\":180.0}\n\n"
        }
        (Some(_), BAD) => {
            "id: 3\nevent: job.failed\ndata: {\"code\":\"no_audio\",\"message\":\"It has no sound.\"}\n\n"
        }
        (Some(_), _) => "id: 3\nevent: job.completed\ndata: {}\n\n",
    };
    Response::builder().content_type("text/event-stream").body(stream)
}

#[handler]
async fn cancel(Path(id): Path<String>, heard: Data<&Shared>) -> StatusCode {
    heard.lock().await.canceled.push(id);
    StatusCode::ACCEPTED
}

#[handler]
async fn retry(Path(id): Path<String>, heard: Data<&Shared>) -> Response {
    let mut heard = heard.lock().await;
    if heard.retried.contains(&id) {
        let problem = json!({"title": "Conflict", "status": 409, "code": "job_not_over",
            "detail": "The job is queued. Only a failed or canceled job can be run again."});
        return problem.to_string().with_status(StatusCode::CONFLICT).into_response();
    }
    heard.retried.push(id.clone());
    json!({"id": id, "state": "queued"}).to_string().into_response()
}

#[handler]
fn queue() -> String {
    json!({"lanes": [{"lane": "interactive", "model": "base", "waiting": 14, "running": 2, "own_waiting": 3,
            "own_running": 1, "time_to_completion": 41.0}],
        "workers": [{"id": "studio-4711", "version": "0.1.0", "models": ["base"], "slots": 2, "busy": 2,
            "started_at": "2026-01-31T12:00:00.123Z", "speeds": [{"model": "base", "speed": 8.7}]}]})
    .to_string()
}

#[handler]
async fn transcript(request: &Request, Path(id): Path<String>, heard: Data<&Shared>) -> String {
    let content = String::from_utf8(heard.lock().await.contents[&id].clone()).unwrap();
    format!("{} of {content}\n", request.uri().query().unwrap())
}
