//! The main promise: a recording that is uploaded becomes text and subtitles, whoever wants to know hears of each step,
//! and nothing is left behind. On SQLite and on PostgreSQL, with real weights.

use std::{collections::BTreeSet, fs};

use escriba_e2e::{
    Event, Setup, Spoken, Stack,
    collector::Collector,
    nats_wire::{NatsWire, Stored},
    subtitles::{self, Cue, read_srt, read_vtt},
    words::{assert_same_words, words},
};
use escriba_events::{CONTENT_TYPE, JobEvent};
use escriba_test_support::databases;
use reqwest::Method;
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

#[tokio::test]
async fn a_recording_becomes_subtitles() {
    for database in databases() {
        println!("on {}", database.name);
        let stack = Stack::start_with(Setup { database: Some(database), ..Setup::default() }).await;
        let english = Spoken::english();
        let job = stack.client.submit(&english.file, &[("language", "auto"), ("word_timestamps", "true")]).await;
        let events = stack.client.events(&job).await.rest().await;
        assert_told_in_order(&events);
        assert_resumes(&stack, &job, &events).await;
        assert_says_what_it_was(&stack.client.job(&job).await, &english);
        assert_reads_right_in_each_format(&stack, &job, &english).await;
        assert_stands_on_the_stream(&stack, &job, &english).await;
        assert_recognises_spanish(&stack).await;
        stack.assert_nothing_is_left().await;
    }
}

fn kept(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).filter(|name| *name != "job.progress").collect()
}

/// Queued, started, segments as they are final, completed; progress in between.
fn assert_told_in_order(events: &[Event]) {
    let names = kept(events);
    let [first, second, between @ .., last] = names.as_slice() else { panic!("{names:?}") };
    assert_eq!([*first, *second, *last], ["job.queued", "job.started", "job.completed"]);
    assert!(!between.is_empty() && between.iter().all(|name| *name == "job.segments_added"), "{names:?}");

    let ids: Vec<_> = events.iter().filter_map(|event| event.id).collect();
    assert_eq!(ids.len(), names.len(), "all but progress can be resumed from");
    assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");

    assert_eq!(events.last().unwrap().name, "job.completed");
    let progress: Vec<_> =
        events.iter().filter(|event| event.name == "job.progress").map(|event| &event.data).collect();
    let processed: Vec<_> = progress.iter().map(|progress| progress["processed"].as_f64().unwrap()).collect();
    assert!(!processed.is_empty() && processed.is_sorted(), "{processed:?}");
    assert!(progress.iter().any(|progress| progress["duration"].as_f64().is_some_and(|duration| duration > 10.0)));
}

/// A reader that was cut off goes on where it was, and misses nothing.
async fn assert_resumes(stack: &Stack, job: &str, events: &[Event]) {
    let started = events.iter().find(|event| event.name == "job.started").unwrap();
    let path = format!("/v1/jobs/{job}/events");
    let request = stack.client.request(Method::GET, &path).header("Last-Event-ID", started.id.unwrap());
    let rest = request.send().await.unwrap().text().await.unwrap();
    let names: Vec<_> = rest.lines().filter_map(|line| line.strip_prefix("event:")).map(str::trim).collect();
    assert_eq!(names, kept(events)[2..]);
}

fn assert_says_what_it_was(job: &Value, recording: &Spoken) {
    let bytes = fs::read(&recording.file).unwrap();
    assert_eq!(job["state"], "completed");
    assert_eq!(job["file_name"], "english.m4a");
    assert_eq!(job["media"]["bytes"], bytes.len());
    assert_eq!(job["media"]["sha256"], hex::encode(Sha256::digest(&bytes)));
    assert_eq!(job["language"], "en");
    assert_eq!(job["progress"]["ratio"], 1.0);
    assert_eq!(job["error"], Value::Null);
    assert_eq!(job["warnings"], serde_json::json!([]));
    let duration = job["duration"].as_f64().unwrap();
    assert!((15.9..16.2).contains(&duration), "{duration}");
    for known in ["created_at", "started_at", "finished_at", "real_time_factor"] {
        assert!(!job[known].is_null(), "{known} in {job}");
    }
}

async fn assert_reads_right_in_each_format(stack: &Stack, job: &str, recording: &Spoken) {
    let fetch = async |format: &str, content_type: &str| {
        let rendered = stack.client.transcript(job, format).await;
        assert_eq!(rendered.content_type, content_type);
        let name = format!("english.{format}");
        assert_eq!(rendered.disposition, format!("attachment; filename=\"{name}\"; filename*=UTF-8''{name}"));
        rendered.text
    };
    let txt = fetch("txt", "text/plain; charset=utf-8").await;
    let srt = fetch("srt", "application/x-subrip; charset=utf-8").await;
    let vtt = fetch("vtt", "text/vtt; charset=utf-8").await;
    let json = fetch("json", "application/json").await;

    let cues = read_srt(&srt).unwrap_or_else(|error| panic!("{error} in\n{srt}"));
    assert_fits_a_screen(&cues);
    assert_eq!(read_vtt(&vtt), Ok(cues.clone()), "both formats show the same");
    let json: Value = serde_json::from_str(&json).unwrap();
    for (heard, format) in
        [(txt, "txt"), (subtitles::text(&cues), "srt"), (json["text"].as_str().unwrap().into(), "json")]
    {
        assert_same_words(&heard, &recording.text, format);
    }
    assert_words_are_timed(&json);

    let crlf = stack.client.request(Method::GET, &format!("/v1/jobs/{job}/transcript?format=srt&newline=crlf"));
    assert_eq!(crlf.send().await.unwrap().text().await.unwrap(), srt.replace('\n', "\r\n"));
}

fn assert_fits_a_screen(cues: &[Cue]) {
    for cue in cues {
        assert!(cue.lines.len() <= 2 && cue.lines.iter().all(|line| line.chars().count() <= 42), "{cue:?}");
        assert!(cue.time.end <= 16_100, "{cue:?}");
    }
}

/// Each segment's words say what the segment says, in order and within it.
fn assert_words_are_timed(transcript: &Value) {
    assert_eq!(transcript["language"], "en");
    for segment in transcript["segments"].as_array().unwrap() {
        let timed = segment["words"].as_array().unwrap();
        let said: Vec<_> = timed.iter().map(|word| word["word"].as_str().unwrap()).collect();
        assert_eq!(words(&said.join(" ")), words(segment["text"].as_str().unwrap()));
        let at = |value: &Value| value.as_f64().unwrap();
        let positions: Vec<_> = timed.iter().flat_map(|word| [at(&word["start"]), at(&word["end"])]).collect();
        assert!(positions.is_sorted(), "{segment}");
        assert!(
            at(&segment["start"]) <= positions[0] && positions[positions.len() - 1] <= at(&segment["end"]),
            "{segment}"
        );
    }
}

/// What a subscriber in another language gets: protobuf under CloudEvents headers.
async fn assert_stands_on_the_stream(stack: &Stack, job: &str, recording: &Spoken) {
    let stored = NatsWire::connect(&stack.nats.url()).await.events_of(job).await;
    let events: Vec<_> = stored.iter().map(|stored| decoded(stored, job)).collect();
    let names: Vec<_> = events.iter().map(JobEvent::name).collect();
    let [first, second, between @ .., last] = names.as_slice() else { panic!("{names:?}") };
    assert_eq!([*first, *second, *last], ["queued", "started", "completed"]);
    assert!(between.iter().all(|name| *name == "segments_added"), "{names:?}");

    let ids: BTreeSet<_> = stored.iter().map(|stored| &stored.headers["ce-id"]).collect();
    assert_eq!(ids.len(), stored.len());

    let segments: Vec<_> = events
        .iter()
        .filter_map(|event| if let JobEvent::SegmentsAdded(added) = event { Some(&added.segments) } else { None })
        .flatten()
        .collect();
    assert!(segments.iter().map(|segment| segment.index).eq(0..u32::try_from(segments.len()).unwrap()));
    let text: Vec<_> = segments.iter().map(|segment| segment.text.as_str()).collect();
    assert_same_words(&text.join(" "), &recording.text, "the events");
    let Some(JobEvent::Completed(completed)) = events.last() else { unreachable!() };
    assert_eq!((completed.segment_count, completed.language.as_str()), (segments.len() as u64, "en"));
}

fn decoded(stored: &Stored, job: &str) -> JobEvent {
    let header = |name: &str| stored.headers.get(name).unwrap_or_else(|| panic!("no {name} in {stored:?}")).as_str();
    let event = JobEvent::decode(header("ce-type"), &stored.payload).unwrap();
    let name = event.name();
    let tokens: Vec<_> = stored.subject.split('.').collect();
    let &["events", "job", kind, workspace, of_job] = tokens.as_slice() else { panic!("{}", stored.subject) };
    assert_eq!((kind, of_job, event.job_id()), (name, job, job));
    assert_eq!(header("ce-specversion"), "1.0");
    assert_eq!(header("ce-type"), format!("escriba.job.{name}.v1"));
    assert_eq!(header("ce-source"), format!("/workspaces/{workspace}"));
    assert_eq!(header("ce-subject"), job);
    assert_eq!(header("content-type"), CONTENT_TYPE);
    assert_eq!(header("ce-id"), header("Nats-Msg-Id"));
    assert!(header("ce-id").parse::<Uuid>().is_ok());
    assert!(header("ce-time").ends_with('Z') && header("ce-time").contains('T'), "{}", header("ce-time"));
    event
}

async fn assert_recognises_spanish(stack: &Stack) {
    let spanish = Spoken::spanish();
    let job = stack.client.submit(&spanish.file, &[("language", "auto")]).await;
    assert_eq!(stack.client.complete(&job).await["language"], "es");
    assert_same_words(&stack.client.text(&job).await, &spanish.text, "Spanish");
}

#[tokio::test]
async fn real_speech_comes_out_with_no_wrong_word() {
    let Some(jfk) = Spoken::jfk() else {
        println!("skipped: shared/audio does not lie beside the checkout");
        return;
    };
    let stack = Stack::start().await;
    let job = stack.client.submit(&jfk.file, &[]).await;
    stack.client.complete(&job).await;
    let srt = stack.client.transcript(&job, "srt").await.text;
    assert_same_words(&subtitles::text(&read_srt(&srt).unwrap()), &jfk.text, "jfk.flac");
    stack.assert_nothing_is_left().await;
}

#[tokio::test]
async fn one_trace_follows_a_job() {
    let collector = Collector::start().await;
    let stack = Stack::start_with(Setup { otlp_endpoint: Some(collector.url()), ..Setup::default() }).await;

    let caller = Caller::new();
    let upload = stack.client.upload(&Spoken::english().file, &[]).header("traceparent", caller.traceparent());
    let accepted = escriba_e2e::Client::accepted(upload.send().await.unwrap()).await;
    let job = accepted["id"].as_str().unwrap();
    stack.client.complete(job).await;

    // Gateway, outbox, NATS, transcriber, gRPC, gateway: each step is the child of the one before.
    let session = collector.find("escriba-gateway", "reports.session", &caller.trace).await;
    let steps = collector.ancestry(&session, &caller.span).await;
    let steps: Vec<_> = steps.iter().rev().map(|span| (span.service.as_str(), span.name.as_str())).collect();
    let expected = [
        ("escriba-gateway", "http.request"),
        ("escriba-transcriber", "work.process"),
        ("escriba-transcriber", "chunk.transcribe"),
        ("escriba-gateway", "reports.session"),
    ];
    assert_eq!(steps, expected);
    let work = collector.find("escriba-transcriber", "work.process", &caller.trace).await;
    assert!(work.attributes.contains(&format!("job={job}")), "{work:?}");

    // A subscriber to the events can join it too.
    for stored in NatsWire::connect(&stack.nats.url()).await.events_of(job).await {
        assert_eq!(stored.headers["traceparent"].split('-').nth(1), Some(caller.trace.as_str()), "{stored:?}");
    }

    let viewer = Caller::new();
    let path = format!("/v1/jobs/{job}/transcript?format=srt");
    let request = stack.client.request(Method::GET, &path).header("traceparent", viewer.traceparent());
    assert!(request.send().await.unwrap().status().is_success());
    let render = collector.find("escriba-export", "render", &viewer.trace).await;
    let steps = collector.ancestry(&render, &viewer.span).await;
    let steps: Vec<_> = steps.iter().rev().map(|span| span.name.as_str()).collect();
    assert_eq!(steps, ["http.request", "render"]);
}

/// Somebody whose program traces its own requests.
struct Caller {
    trace: String,
    span: String,
}

impl Caller {
    fn new() -> Self {
        let span = Uuid::now_v7().simple().to_string();
        Self { trace: Uuid::now_v7().simple().to_string(), span: span[16..].to_owned() }
    }

    fn traceparent(&self) -> String {
        format!("00-{}-{}-01", self.trace, self.span)
    }
}
