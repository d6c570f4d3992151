//! A running gateway and everything around it, one for each engine a test runs on. It ends each test by looking
//! whether any work is left over.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Parser;
use escriba_database::{
    Database,
    chunks::{self, Chunk},
    outbox,
};
use escriba_domain::{ChunkId, JobId, Lane, WorkspaceId};
use escriba_events::{JobEvent, WORK, WorkItem};
use escriba_gateway::{config::Config, service};
use escriba_messaging::{Messaging, Settlement, WorkHandler, WorkRunner};
use escriba_test_support::{Nats, PATIENCE, TestDatabase, databases, eventually, free_port};
use futures_util::{StreamExt, future::join_all};
use reqwest::{
    Client, Method, RequestBuilder, Response,
    multipart::{Form, Part},
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Small, so that going over it is quick.
pub(crate) const MAX_UPLOAD_BYTES: usize = 1 << 20;
/// A port that was free may be taken by the time it is used.
const TRIES: usize = 3;

pub(crate) struct Gateway {
    pub(crate) db: Database,
    pub(crate) messaging: Messaging,
    pub(crate) nats: Nats,
    pub(crate) key: String,
    pub(crate) workspace: WorkspaceId,
    database: TestDatabase,
    folder: TempDir,
    http: Client,
    process: Process,
    doorbells: mpsc::UnboundedReceiver<WorkItem>,
    ringing: CancellationToken,
    runner: JoinHandle<()>,
}

/// The gateway's task, its addresses, and how to stop it.
struct Process {
    http_port: u16,
    grpc_port: u16,
    internal_port: u16,
    export_port: u16,
    shutdown: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

/// A second gateway, for tests of what both know.
pub(crate) struct Beside(Process);

/// Takes every work item off the queue and hands it to the test.
struct Doorbells(mpsc::UnboundedSender<WorkItem>);

impl WorkHandler for Doorbells {
    async fn handle(&self, item: WorkItem) -> Settlement {
        self.0.send(item).ok();
        Settlement::Done
    }
}

fn start_runner(
    messaging: &Messaging,
    sender: mpsc::UnboundedSender<WorkItem>,
    ringing: &CancellationToken,
) -> JoinHandle<()> {
    let runner = WorkRunner::new(messaging.clone(), vec!["base".parse().unwrap()], 1);
    tokio::spawn(runner.run(Doorbells(sender), ringing.clone()))
}

/// Runs a test on a gateway over each engine, side by side.
pub(crate) async fn on_each_engine(test: impl AsyncFn(&mut Gateway)) {
    let runs = databases().into_iter().map(async |database| {
        let name = database.name;
        let mut gateway = Gateway::start(database).await;
        test(&mut gateway).await;
        gateway.finish().await;
        eprintln!("done on {name}");
    });
    join_all(runs).await;
}

impl Gateway {
    async fn start(database: TestDatabase) -> Self {
        let nats = Nats::start();
        let folder = tempfile::tempdir().unwrap();
        let process = Process::start(&database.url, &nats.url(), folder.path()).await;
        let db = Database::connect(&database.url).await.unwrap();
        let messaging = Messaging::connect(&nats.url(), "test").await.unwrap();
        let key = fs::read_to_string(folder.path().join("api-key")).unwrap().trim().to_owned();
        let tx = db.begin().await.unwrap();
        let workspace = escriba_database::workspaces::first(&tx).await.unwrap().unwrap();
        drop(tx);
        let (sender, doorbells) = mpsc::unbounded_channel();
        let ringing = CancellationToken::new();
        let runner = start_runner(&messaging, sender, &ringing);
        let http = Client::new();
        Self { db, messaging, nats, key, workspace, database, folder, http, process, doorbells, ringing, runner }
    }

    /// Stops the gateway and starts it again over the same database, storage and NATS.
    pub(crate) async fn restart(&mut self) {
        self.process.stop().await;
        self.process = Process::start(&self.database.url, &self.nats.url(), self.folder.path()).await;
    }

    /// Another gateway over the same database, storage and NATS.
    pub(crate) async fn beside(&self) -> Beside {
        Beside(Process::start(&self.database.url, &self.nats.url(), self.folder.path()).await)
    }

    /// Nothing waits to be published, no work item is left that the test did not expect, and the gateway stops.
    async fn finish(mut self) {
        self.outbox_is_empty().await;
        self.no_work_is_left().await;
        self.ringing.cancel();
        (&mut self.runner).await.unwrap();
        let unexpected = self.doorbells.try_recv();
        assert!(unexpected.is_err(), "a work item nobody asked for: {unexpected:?}");
        self.process.stop().await;
    }

    pub(crate) async fn outbox_is_empty(&self) {
        eventually("the outbox is empty", async || (outbox::count(&self.db).await.unwrap() == 0).then_some(())).await;
    }

    async fn no_work_is_left(&self) {
        eventually("WORK is empty", async || (self.messaging.stored_messages(&WORK).await.ok()? == 0).then_some(()))
            .await;
    }

    pub(crate) fn grpc_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.process.grpc_port)
    }

    pub(crate) fn internal_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.process.internal_port)
    }

    pub(crate) const fn http_port(&self) -> u16 {
        self.process.http_port
    }

    /// Where the gateway looks for the export service, which nobody has started.
    pub(crate) const fn export_port(&self) -> u16 {
        self.process.export_port
    }

    pub(crate) fn database_url(&self) -> &str {
        &self.database.url
    }

    pub(crate) fn storage(&self) -> PathBuf {
        self.folder.path().join("media-store")
    }

    pub(crate) fn storage_url(&self) -> String {
        format!("file://{}", self.storage().display())
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A request without a key.
    pub(crate) fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://127.0.0.1:{}{path}", self.process.http_port))
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous(method, path).bearer_auth(&self.key)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    pub(crate) async fn post_form(&self, form: Form) -> Response {
        self.request(Method::POST, "/v1/jobs").multipart(form).send().await.unwrap()
    }

    /// A job as the API shows it.
    pub(crate) async fn job(&self, id: JobId) -> Value {
        let response = self.get(&format!("/v1/jobs/{id}")).await;
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }

    /// Uploads a small recording and takes its work item off the queue.
    pub(crate) async fn submit(&mut self) -> WorkItem {
        self.submit_form(recording()).await
    }

    pub(crate) async fn submit_form(&mut self, form: Form) -> WorkItem {
        let response = self.post_form(form).await;
        assert_eq!(response.status(), 202, "{}", response.text().await.unwrap());
        let job: Value = response.json().await.unwrap();
        let item = self.doorbell().await;
        assert_eq!(job["id"], item.job_id.to_string());
        assert_eq!(item.ring, 1);
        item
    }

    /// Leaves work items on the queue until [`Self::resume_doorbells`].
    pub(crate) async fn pause_doorbells(&mut self) {
        self.ringing.cancel();
        (&mut self.runner).await.unwrap();
    }

    /// Takes work items off the queue again, and forgets those that came meanwhile.
    pub(crate) async fn resume_doorbells(&mut self) {
        self.ringing = CancellationToken::new();
        let (sender, doorbells) = mpsc::unbounded_channel();
        self.runner = start_runner(&self.messaging, sender, &self.ringing);
        self.no_work_is_left().await;
        self.doorbells = doorbells;
        while self.doorbells.try_recv().is_ok() {}
    }

    /// Uploads a small recording and leaves its work item on the queue; this is a copy of it.
    pub(crate) async fn submit_silently(&self) -> WorkItem {
        let response = self.post_form(recording()).await;
        let job: Value = response.json().await.unwrap();
        let waiting = chunks::waiting(&self.db, Lane::Interactive, &"base".parse().unwrap(), (0, 1)).await.unwrap();
        let chunk = waiting.first().unwrap();
        assert_eq!(job["id"], chunk.job.to_string());
        WorkItem {
            workspace_id: chunk.workspace,
            job_id: chunk.job,
            chunk_id: chunk.id,
            lane: chunk.lane,
            model: chunk.model.clone(),
            ring: chunk.ring,
        }
    }

    /// The next work item on the queue.
    pub(crate) async fn doorbell(&mut self) -> WorkItem {
        tokio::time::timeout(PATIENCE, self.doorbells.recv()).await.expect("a work item comes").unwrap()
    }

    /// The files in storage, whole or not.
    pub(crate) fn stored_files(&self) -> usize {
        count_files(&self.storage())
    }

    pub(crate) async fn chunk(&self, id: ChunkId) -> Chunk {
        let tx = self.db.begin().await.unwrap();
        chunks::lock(&tx, id).await.unwrap().unwrap()
    }

    /// As if the worker had been silent for long.
    pub(crate) async fn expire_lease(&self, id: ChunkId) {
        let tx = self.db.begin().await.unwrap();
        chunks::renew(&tx, id, Duration::ZERO).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// As if a chunk that was put off had waited long enough.
    pub(crate) async fn end_pause(&self, id: ChunkId) {
        let tx = self.db.begin().await.unwrap();
        let chunk = chunks::lock(&tx, id).await.unwrap().unwrap();
        chunks::delay(&tx, &chunk, chunk.attempt, Duration::ZERO).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// All events of a job up to the one of this name.
    pub(crate) async fn events_until(&self, job: JobId, last: &str) -> Vec<JobEvent> {
        let mut events = Box::pin(self.messaging.replay_events(self.workspace, job, None).await.unwrap());
        let mut seen = Vec::new();
        while seen.last().is_none_or(|event: &JobEvent| event.name() != last) {
            let next = tokio::time::timeout(PATIENCE, events.next()).await;
            let at = next.unwrap_or_else(|_| panic!("no event `{last}` after {seen:?}")).unwrap().unwrap();
            seen.push(at.event);
        }
        seen
    }

    pub(crate) async fn event_names_until(&self, job: JobId, last: &str) -> Vec<&'static str> {
        self.events_until(job, last).await.iter().map(JobEvent::name).collect()
    }
}

impl Beside {
    /// How it answers a caller with this key.
    pub(crate) async fn status(&self, key: &str, path: &str) -> u16 {
        let url = format!("http://127.0.0.1:{}{path}", self.0.http_port);
        Client::new().get(url).bearer_auth(key).send().await.unwrap().status().as_u16()
    }

    pub(crate) async fn stop(mut self) {
        self.0.stop().await;
    }
}

impl Process {
    async fn start(database_url: &str, nats_url: &str, folder: &Path) -> Self {
        for _ in 0..TRIES {
            let mut process = Self::spawn(database_url, nats_url, folder);
            if process.is_ready().await {
                return process;
            }
            let ended = process.task.await.unwrap();
            eprintln!("the gateway did not start: {ended:?}");
        }
        panic!("the gateway did not start");
    }

    fn spawn(database_url: &str, nats_url: &str, folder: &Path) -> Self {
        let [http_port, grpc_port, internal_port] = [free_port(), free_port(), free_port()];
        let export_port = free_port();
        let config = Config::parse_from([
            "escriba-gateway",
            &format!("--database-url={database_url}"),
            &format!("--nats-url={nats_url}"),
            "--nats-replicas=1",
            &format!("--storage-url=file://{}", folder.join("media-store").display()),
            &format!("--export-url=http://127.0.0.1:{export_port}"),
            &format!("--http-addr=127.0.0.1:{http_port}"),
            &format!("--grpc-addr=127.0.0.1:{grpc_port}"),
            &format!("--internal-addr=127.0.0.1:{internal_port}"),
            "--model=base",
            "--more-models=tiny.en",
            &format!("--max-upload-bytes={MAX_UPLOAD_BYTES}"),
            "--import-allow=127.0.0.2/32",
            &format!("--bootstrap-key-file={}", folder.join("api-key").display()),
        ]);
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(service::run(config, shutdown.clone()));
        Self { http_port, grpc_port, internal_port, export_port, shutdown, task }
    }

    /// Whether all three ports answer; `false` when the gateway ended instead.
    async fn is_ready(&mut self) -> bool {
        let http = Client::new();
        let ready = format!("http://127.0.0.1:{}/readyz", self.internal_port);
        let document = format!("http://127.0.0.1:{}/openapi.json", self.http_port);
        eventually("the gateway is ready", async || {
            if self.task.is_finished() {
                return Some(false);
            }
            for url in [&ready, &document] {
                http.get(url).send().await.ok()?.error_for_status().ok()?;
            }
            tokio::net::TcpStream::connect(("127.0.0.1", self.grpc_port)).await.ok()?;
            Some(true)
        })
        .await
    }

    async fn stop(&mut self) {
        self.shutdown.cancel();
        let ended = tokio::time::timeout(PATIENCE, &mut self.task).await.expect("the gateway stops");
        ended.unwrap().unwrap();
    }
}

/// A form with a recording and no options.
pub(crate) fn recording() -> Form {
    Form::new().part("media", media(b"not really a recording"))
}

pub(crate) fn media(bytes: &[u8]) -> Part {
    Part::bytes(bytes.to_vec()).file_name("interview.mp3").mime_str("audio/mpeg").unwrap()
}

/// Asserts that an answer is a problem of this kind, and gives back its sentence.
pub(crate) async fn problem(response: Response, status: u16, code: &str) -> String {
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    let found = response.status();
    let body = response.text().await.unwrap();
    assert_eq!(found, status, "{body}");
    assert_eq!(content_type, "application/problem+json", "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["code"], code, "{body}");
    assert_eq!(body["status"], status);
    assert_eq!(body["type"], format!("urn:escriba:problem:{code}"));
    assert!(body["title"].is_string());
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.ends_with('.') && detail.contains(' '), "a sentence: {detail}");
    detail.to_owned()
}

fn count_files(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.map(|path| if path.is_dir() { count_files(&path) } else { 1 }).sum()
}
