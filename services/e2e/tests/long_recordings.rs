//! Long recordings are cut into chunks that transcribers share. Nobody can tell from the transcript, and whoever dies on
//! the way costs no word.

use std::{path::PathBuf, time::Duration};

use escriba_domain::JobId;
use escriba_e2e::{Client, Setup, Spoken, Stack, Studio, nats_wire::NatsWire, stack::files_below};
use escriba_events::JobEvent;
use escriba_test_support::eventually;
use serde_json::Value;

/// Half a minute of speech in several windows, with pauses of different lengths.
fn talk(studio: &Studio, times: usize) -> PathBuf {
    studio.repeat(&Spoken::english().file, times, "talk.flac")
}

async fn in_one_piece(recording: &std::path::Path, options: &[(&'static str, &'static str)]) -> Vec<Value> {
    let stack = Stack::start_with(Setup { transcriber: vec![("CHUNK_SECONDS", "3600")], ..Setup::default() }).await;
    let job = stack.client.submit(recording, options).await;
    assert_eq!(stack.client.complete(&job).await["chunks"]["total"], 1);
    stack.client.segments(&job).await
}

/// Everything of a segment but where it is counted.
fn said(segments: &[Value]) -> Vec<Value> {
    let mut segments = segments.to_vec();
    for segment in &mut segments {
        segment.as_object_mut().unwrap().remove("id");
    }
    segments
}

#[tokio::test]
async fn text_at_a_seam_reads_as_if_it_had_never_been_cut() {
    let studio = Studio::default();
    let recording = talk(&studio, 6);
    let stereo = studio.convert(&recording, "-af adelay=0|2500 -ac 2", "stereo.flac");
    for (recording, options) in
        [(&recording, &[("word_timestamps", "true")][..]), (&stereo, &[("channels", "separate")][..])]
    {
        let expected = in_one_piece(recording, options).await;
        let small = vec![("CHUNK_SECONDS", "8"), ("WHISPER_SLOTS", "2")];
        let stack = Stack::start_with(Setup { transcriber: small, ..Setup::default() }).await;
        let job = stack.client.submit(recording, options).await;
        let done = stack.client.complete(&job).await;
        assert!(done["chunks"]["total"].as_u64().unwrap() > 4, "{done}");
        assert_eq!(done["chunks"]["total"], done["chunks"]["completed"]);
        assert_eq!(done["progress"]["ratio"], 1.0);
        assert_eq!(said(&stack.client.segments(&job).await), said(&expected));
        assert_eq!(
            files_below(&stack.media_dir()).len(),
            2,
            "the recording and its outline stay, its stored speech not"
        );
        stack.assert_nothing_is_left().await;
    }
}

#[tokio::test]
async fn transcribers_that_are_killed_cost_no_word_and_no_more_than_their_chunk() {
    let studio = Studio::default();
    let recording = talk(&studio, 16);
    let small = vec![("CHUNK_SECONDS", "10"), ("WHISPER_SLOTS", "1"), ("WHISPER_THREADS", "1")];
    let mut stack = Stack::start_with(Setup { transcriber: small, ..Setup::default() }).await;
    stack.second_transcriber.start().await;
    let undisturbed = stack.client.submit(&recording, &[]).await;
    let windows = stack.client.complete(&undisturbed).await["statistics"]["windows"].clone();
    let expected = stack.client.segments(&undisturbed).await;

    let job = stack.client.submit(&recording, &[]).await;
    for kill_at in [0.2, 0.6] {
        has_reached(&stack.client, &job, kill_at).await;
        stack.transcriber.kill();
        stack.transcriber.start().await;
    }
    stack.client.complete(&job).await;
    assert_eq!(stack.client.segments(&job).await, expected);
    assert_eq!(stack.client.job(&job).await["statistics"]["windows"], windows, "what is done twice counts once");
    assert_each_segment_was_told_once(&stack, &job, expected.len()).await;
    stack.assert_nothing_is_left().await;
}

/// Waits until so much of it is transcribed.
async fn has_reached(client: &Client, job: &str, ratio: f64) {
    eventually("the job gets on", async || {
        let job = client.job(job).await;
        assert_eq!(job["error"], Value::Null);
        (job["progress"]["ratio"].as_f64().unwrap_or_default() >= ratio).then_some(())
    })
    .await;
}

async fn assert_each_segment_was_told_once(stack: &Stack, job: &str, count: usize) {
    let stored = NatsWire::connect(&stack.nats.url()).await.events_of(job).await;
    let mut told = Vec::new();
    for stored in stored {
        if let JobEvent::SegmentsAdded(added) = JobEvent::decode(&stored.headers["ce-type"], &stored.payload).unwrap() {
            let position = added.chunk_position;
            told.extend(added.segments.into_iter().map(|segment| (position, segment.index)));
        }
    }
    assert_eq!(told.len(), count);
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.len(), count, "a segment was told twice");
}

#[tokio::test]
async fn a_canceled_recording_stops_everywhere_and_can_be_run_to_its_end() {
    let studio = Studio::default();
    let recording = talk(&studio, 30);
    let small = vec![("CHUNK_SECONDS", "10"), ("WHISPER_SLOTS", "1"), ("WHISPER_THREADS", "1")];
    let mut stack = Stack::start_with(Setup { transcriber: small, ..Setup::default() }).await;
    stack.second_transcriber.start().await;
    let job = stack.client.submit(&recording, &[]).await;
    has_reached(&stack.client, &job, 0.1).await;
    eventually("both transcribers are at it", async || (busy_slots(&stack.client).await == 2).then_some(())).await;

    stack.client.cancel(&job).await;
    let canceled = std::time::Instant::now();
    eventually("no slot is at work any more", async || (busy_slots(&stack.client).await == 0).then_some(())).await;
    assert!(canceled.elapsed() < Duration::from_secs(10), "far more than a busy machine needs for two seconds' work");
    assert_eq!(NatsWire::connect(&stack.nats.url()).await.stored("WORK").await, 0, "and none waits");
    let kept = stack.client.segments(&job).await;
    assert!(!kept.is_empty());

    assert_eq!(stack.client.retry(&job).await["state"], "queued");
    let done = stack.client.complete(&job).await;
    assert_eq!(done["chunks"]["total"], done["chunks"]["completed"]);
    let whole = stack.client.segments(&job).await;
    assert!(kept.iter().all(|segment| whole.iter().any(|other| other["text"] == segment["text"])));
    let id: JobId = job.parse().unwrap();
    let names: Vec<_> = NatsWire::connect(&stack.nats.url()).await.events_of(&id.to_string()).await;
    let names: Vec<_> = names.iter().map(|stored| stored.subject.split('.').nth(2).unwrap().to_owned()).collect();
    let turns: Vec<_> = names.iter().filter(|name| *name != "segments_added").collect();
    assert_eq!(turns, ["queued", "started", "canceled", "queued", "started", "completed"]);
    stack.assert_nothing_is_left().await;
}

/// As the workers say it of themselves.
async fn busy_slots(client: &Client) -> u64 {
    let (_, queue) = client.get("/v1/queue").await;
    queue["workers"].as_array().unwrap().iter().map(|worker| worker["busy"].as_u64().unwrap()).sum()
}
