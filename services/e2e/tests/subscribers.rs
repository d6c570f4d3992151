//! The examples in docs/examples, run as anybody would run them: each writes every event once and in order, whatever
//! is killed around it, and goes on from messages that are none.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use escriba_domain::{JobId, OutboxId, WorkspaceId};
use escriba_e2e::{nats_wire::NatsWire, programs};
use escriba_events::{EVENTS, Headers, JobEvent, Message, event_message, v1};
use escriba_test_support::{Nats, eventually, repo_root};
use serde_json::{Value, json};
use tempfile::TempDir;

const DURABLE: &str = "test";

#[tokio::test]
async fn the_rust_example_writes_every_event_once_and_in_order() {
    follows_through_everything(&programs::program("escriba-example-subscriber"), &[]).await;
}

#[tokio::test]
async fn the_python_example_writes_every_event_once_and_in_order() {
    let python = repo_root().join(".local/venv/bin/python");
    assert!(python.is_file(), "there is no {}: run `make setup-tests`", python.display());
    let script = repo_root().join("docs/examples/subscriber-python/subscriber.py");
    follows_through_everything(&python, &[script]).await;
}

async fn follows_through_everything(program: &Path, arguments: &[PathBuf]) {
    let mut nats = Nats::start();
    let mut stream = Published::default();
    let mut subscriber = Subscriber::new(program, arguments, &nats);
    // It is there before the stream is, and waits for it.
    subscriber.start();
    declare_events(&nats).await;

    stream.publish(&nats, &jobs(5)).await;
    subscriber.has_written(5).await;
    subscriber.kill();
    stream.publish(&nats, &jobs(5)).await;
    subscriber.start();
    subscriber.has_written(stream.ids.len() / 2).await;
    subscriber.kill();
    subscriber.start();

    stream.publish(&nats, &jobs(10)).await;
    nats.kill();
    nats.restart();
    stream.repeat(&nats).await;
    publish_what_is_no_event(&nats).await;
    stream.publish(&nats, &jobs(5)).await;
    subscriber.has_written(stream.ids.len()).await;

    subscriber.is_done(&nats).await;
    subscriber.terminate().await;
    stream.repeat(&nats).await;
    stream.publish(&nats, &jobs(1)).await;
    subscriber.start();
    subscriber.has_written(stream.ids.len()).await;
    subscriber.is_done(&nats).await;
    nats.kill();
    subscriber.terminate().await;

    assert_eq!(subscriber.written("id"), stream.ids);
    assert_eq!(subscriber.written("type"), stream.types);
    let terminated = subscriber.log().lines().filter(|line| line.contains("terminated")).count();
    assert!(terminated >= 2, "what is no event is logged:\n{}", subscriber.log());
}

/// The events of some jobs, whose turns alternate as they do where several are worked on.
fn jobs(count: usize) -> Vec<Message> {
    let jobs: Vec<_> = (0..count).map(|_| life(WorkspaceId::new(), JobId::new())).collect();
    let turns = jobs.iter().map(Vec::len).max().unwrap_or_default();
    let turn = |nth: usize| jobs.iter().filter_map(move |events| events.get(nth));
    (0..turns).flat_map(turn).map(|event| event_message(event, chrono::Utc::now(), &Headers::new())).collect()
}

/// A job that failed, was run again and completed.
fn life(workspace: WorkspaceId, job: JobId) -> Vec<JobEvent> {
    let whose = || (workspace.to_string(), job.to_string());
    let run = || {
        let (workspace_id, job_id) = whose();
        let file_name = "año «1».m4a".to_owned();
        let queued = v1::JobQueued { workspace_id, job_id, file_name, ..Default::default() };
        let (workspace_id, job_id) = whose();
        [JobEvent::Queued(queued), JobEvent::Started(v1::JobStarted { workspace_id, job_id, ..Default::default() })]
    };
    let said = |index: u32| {
        let (workspace_id, job_id) = whose();
        let segments = vec![v1::Segment { index, text: format!("Sentence {index}."), ..Default::default() }];
        JobEvent::SegmentsAdded(v1::JobSegmentsAdded { workspace_id, job_id, segments, ..Default::default() })
    };
    let (workspace_id, job_id) = whose();
    let code = "worker_crashed".to_owned();
    let failed = JobEvent::Failed(v1::JobFailed { workspace_id, job_id, code, ..Default::default() });
    let (workspace_id, job_id) = whose();
    let completed = JobEvent::Completed(v1::JobCompleted { workspace_id, job_id, ..Default::default() });
    run().into_iter().chain([failed]).chain(run()).chain((0..3).map(said)).chain([completed]).collect()
}

/// What was put on the stream, without the repeats.
#[derive(Default)]
struct Published {
    ids: Vec<String>,
    types: Vec<String>,
    messages: Vec<Message>,
}

impl Published {
    async fn publish(&mut self, nats: &Nats, messages: &[Message]) {
        store(nats, messages).await;
        self.ids.extend(messages.iter().map(|message| message.headers["ce-id"].clone()));
        self.types.extend(messages.iter().map(|message| message.headers["ce-type"].clone()));
        self.messages.extend_from_slice(messages);
    }

    /// Some events once more, as a publisher does that did not hear of its success within the duplicate window: the
    /// server takes them for new ones.
    async fn repeat(&self, nats: &Nats) {
        let again = |message: &Message| Message { id: OutboxId::new(), ..message.clone() };
        let repeats: Vec<_> = self.messages.iter().step_by(5).map(again).collect();
        store(nats, &repeats).await;
    }
}

/// As the relay publishes.
async fn store(nats: &Nats, messages: &[Message]) {
    let mut wire = NatsWire::connect(&nats.url()).await;
    for message in messages {
        let mut headers = message.headers.clone();
        headers.insert("Nats-Msg-Id".to_owned(), message.id.to_string());
        wire.publish(&message.subject, &headers, &message.payload).await;
    }
}

/// Neither CloudEvents, nor of a type of today, nor what the type says. Only the second is nobody's fault.
async fn publish_what_is_no_event(nats: &Nats) {
    let mut wire = NatsWire::connect(&nats.url()).await;
    let subject = "events.job.queued.workspace.job";
    wire.publish(subject, &BTreeMap::new(), b"hello").await;
    for kind in ["escriba.job.queued.v2", "escriba.job.queued.v1"] {
        let headers = [
            ("ce-id", kind),
            ("ce-type", kind),
            ("ce-time", "2026-01-02T03:04:05.678Z"),
            ("content-type", "application/protobuf"),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        wire.publish(subject, &headers.into(), b"\xff\xff\xff").await;
    }
}

async fn declare_events(nats: &Nats) {
    let stream = json!({
        "name": EVENTS.name,
        "subjects": [EVENTS.subjects],
        "storage": "file",
        "duplicate_window": EVENTS.duplicate_window.as_nanos(),
    });
    let mut wire = NatsWire::connect(&nats.url()).await;
    let answer = wire.request(&format!("$JS.API.STREAM.CREATE.{}", EVENTS.name), &stream).await;
    assert!(answer["error"].is_null(), "{answer}");
}

/// An example, its file and its log.
struct Subscriber {
    program: PathBuf,
    arguments: Vec<PathBuf>,
    url: String,
    folder: TempDir,
    child: Option<Child>,
}

impl Subscriber {
    fn new(program: &Path, arguments: &[PathBuf], nats: &Nats) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { program: program.to_owned(), arguments: arguments.to_owned(), url: nats.url(), folder, child: None }
    }

    fn start(&mut self) {
        let log = File::options().create(true).append(true).open(self.file("log")).unwrap();
        let mut command: Command = programs::command(&self.program);
        command.args(&self.arguments).args(["--nats", &self.url, "--durable", DURABLE, "--output"]);
        let child = command.arg(self.file("events.jsonl")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.child = Some(child.spawn().unwrap());
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.file("log")).unwrap_or_default()
    }

    /// One field of every whole line of its file.
    fn written(&self, field: &str) -> Vec<String> {
        let lines = fs::read_to_string(self.file("events.jsonl")).unwrap_or_default();
        let whole = lines.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let lines = whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|line| line[field].as_str().unwrap().to_owned()).collect()
    }

    async fn has_written(&mut self, count: usize) {
        eventually(&format!("{count} events are written"), async || {
            self.lives();
            (self.written("id").len() >= count).then_some(())
        })
        .await;
    }

    fn lives(&mut self) {
        let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
        assert!(ended.is_none(), "the subscriber ended:\n{}", self.log());
    }

    /// As `kill -9` does it.
    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Asks for an end, which comes, and is a good one.
    async fn terminate(&mut self) {
        let mut child = self.child.take().expect("it runs");
        let asked = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        assert!(asked.success());
        let ended = eventually("the subscriber ends", async || child.try_wait().unwrap()).await;
        assert!(ended.success(), "{ended}:\n{}", self.log());
    }

    /// Nothing is left to deliver or to acknowledge.
    async fn is_done(&mut self, nats: &Nats) {
        let mut wire = NatsWire::connect(&nats.url()).await;
        let subject = format!("$JS.API.CONSUMER.INFO.{}.{DURABLE}", EVENTS.name);
        eventually("every event is acknowledged", async || {
            self.lives();
            let consumer = wire.request(&subject, &json!({})).await;
            (consumer["num_pending"] == 0 && consumer["num_ack_pending"] == 0).then_some(())
        })
        .await;
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.kill();
    }
}
