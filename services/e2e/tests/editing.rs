//! A recording can be listened to again, and a transcript be put right: subtitles show what a person wrote, and what was
//! recognised is still there.

use std::fs;

use escriba_e2e::{
    Spoken, Stack,
    nats_wire::NatsWire,
    subtitles::{self, read_srt, read_vtt},
    words::assert_same_words,
};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

#[tokio::test]
async fn a_recording_is_played_and_its_transcript_put_right() {
    let stack = Stack::start().await;
    let english = Spoken::english();
    let job = stack.client.submit(&english.file, &[("word_timestamps", "true")]).await;
    stack.client.complete(&job).await;
    assert_plays(&stack, &job, &fs::read(&english.file).unwrap()).await;

    assert_is_outlined(&stack, &job).await;

    let segments = segments(&stack, &job).await;
    let first = segments[0]["text"].as_str().unwrap();
    let word = first.split_whitespace().next().unwrap().to_owned();
    let said = format!("Escriba {first}");
    let edit = json!([{ "op": "set", "id": segments[0]["id"], "text": said, "speaker": "Ana" }]);
    let edited = json_of(patch(&stack, &job, 1, &edit).await, StatusCode::OK).await;
    assert_eq!(edited["version"], 2);
    assert_keeps_times(&segments[0], &edited["changed"][0], &word);
    let stale = json_of(patch(&stack, &job, 1, &edit).await, StatusCode::PRECONDITION_FAILED).await;
    assert_eq!(stale["code"], "version_changed");

    let vtt = stack.client.transcript(&job, "vtt").await.text;
    assert!(vtt.contains("<v Ana>Escriba "), "{vtt}");
    let nameless = json!([{ "op": "set", "id": segments[0]["id"], "speaker": null }]);
    json_of(patch(&stack, &job, 2, &nameless).await, StatusCode::OK).await;

    let whole = format!("Escriba {}", english.text);
    assert_reads(&stack, &job, "", &whole).await;
    assert_reads(&stack, &job, "&version=1", &english.text).await;
    let edited = stack.client.transcript(&job, "json&version=2").await.text;
    let transcript: Value = serde_json::from_str(&edited).unwrap();
    assert_eq!((&transcript["version"], &transcript["segments"][0]["speaker"]), (&json!(2), &json!("Ana")));

    let path = format!("/v1/jobs/{job}/versions/1/revert");
    let reverted = stack.client.request(Method::POST, &path).header("If-Match", "\"3\"").send().await.unwrap();
    assert_eq!(json_of(reverted, StatusCode::OK).await["version"], 4);
    assert_reads(&stack, &job, "", &english.text).await;
    assert_is_heard_again(&stack, &job, &segments[0], &english.text).await;
    let stored = NatsWire::connect(&stack.nats.url()).await.events_of(&job).await;
    let types: Vec<_> = stored.iter().rev().take(5).map(|stored| stored.headers["ce-type"].as_str()).collect();
    assert_eq!(types, ["escriba.job.transcript_edited.v1"; 5]);
    stack.assert_nothing_is_left().await;
}

/// A segment that somebody spoiled is what it was once its span is transcribed again.
async fn assert_is_heard_again(stack: &Stack, job: &str, segment: &Value, text: &str) {
    let spoil = json!([{ "op": "set", "id": segment["id"], "text": "Nobody said this." }]);
    json_of(patch(stack, job, 4, &spoil).await, StatusCode::OK).await;
    let span = json!({ "from": segment["start"], "to": segment["end"], "language": "en" });
    let request = stack.client.request(Method::POST, &format!("/v1/jobs/{job}/redo")).json(&span);
    let redo = json_of(request.send().await.unwrap(), StatusCode::ACCEPTED).await;
    let redone = stack.client.complete(redo["id"].as_str().unwrap()).await;
    let length = segment["end"].as_f64().unwrap() - segment["start"].as_f64().unwrap();
    assert!((redone["duration"].as_f64().unwrap() - length).abs() < 0.01, "{redone}");
    assert_reads(stack, job, "", text).await;
}

async fn json_of(response: Response, expected: StatusCode) -> Value {
    let (status, text) = (response.status(), response.text().await.unwrap());
    assert_eq!(status, expected, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// As a player asks: what it is, its end, a piece of it, and whether it is still the same.
async fn assert_plays(stack: &Stack, job: &str, recording: &[u8]) {
    let ask = async |method: Method, headers: &[(&str, &str)]| {
        let request = stack.client.request(method, &format!("/v1/jobs/{job}/media"));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.send().await.unwrap()
    };
    let head = ask(Method::HEAD, &[]).await;
    assert_eq!(head.headers()["content-length"], recording.len().to_string().as_str());
    let kind = head.headers()["content-type"].to_str().unwrap();
    assert!(kind.starts_with("audio/") || kind.starts_with("video/"), "{kind}");
    let tag = head.headers()["etag"].to_str().unwrap();
    assert_eq!(tag, format!("\"{}\"", hex::encode(Sha256::digest(recording))));
    assert_eq!(ask(Method::GET, &[]).await.bytes().await.unwrap(), recording);
    let (from, to) = (recording.len() / 3, recording.len() / 2);
    for (range, expected) in [
        (format!("bytes={from}-{to}"), &recording[from..=to]),
        ("bytes=-500".to_owned(), &recording[recording.len() - 500..]),
    ] {
        let part = ask(Method::GET, &[("Range", &range), ("If-Range", tag)]).await;
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(part.bytes().await.unwrap(), expected, "{range}");
    }
    let known = ask(Method::GET, &[("If-None-Match", tag)]).await;
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
}

/// A pair for each twentieth of a second, and somebody is heard.
async fn assert_is_outlined(stack: &Stack, job: &str) {
    let (status, waveform) = stack.client.get(&format!("/v1/jobs/{job}/waveform")).await;
    assert_eq!(status, StatusCode::OK, "{waveform}");
    let length = waveform["length"].as_u64().unwrap();
    assert!((318..=324).contains(&length), "16 seconds: {length}");
    let data: Vec<i64> = waveform["data"].as_array().unwrap().iter().map(|peak| peak.as_i64().unwrap()).collect();
    assert_eq!(data.len() as u64, 2 * length);
    assert!(data.chunks(2).all(|pair| pair[0] <= pair[1] && pair[0] >= -128 && pair[1] <= 127));
    assert!(data.iter().any(|peak| *peak > 10) && data.iter().any(|peak| *peak < -10));
}

async fn segments(stack: &Stack, job: &str) -> Vec<Value> {
    let (status, page) = stack.client.get(&format!("/v1/jobs/{job}/segments")).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    page["items"].as_array().unwrap().clone()
}

async fn patch(stack: &Stack, job: &str, version: u32, operations: &Value) -> Response {
    let request = stack.client.request(Method::PATCH, &format!("/v1/jobs/{job}/segments"));
    let request = request.header("If-Match", format!("\"{version}\""));
    request.json(&json!({ "operations": operations })).send().await.unwrap()
}

/// The words that were there have their times; the new one comes before them.
fn assert_keeps_times(before: &Value, after: &Value, first: &str) {
    let (before, after) = (before["words"].as_array().unwrap(), after["words"].as_array().unwrap());
    assert_eq!(after[1..], before[..]);
    assert_eq!((&after[0]["word"], &after[1]["word"]), (&json!("Escriba"), &json!(first)));
    assert!(after[0]["end"].as_f64() <= after[1]["start"].as_f64());
}

async fn assert_reads(stack: &Stack, job: &str, version: &str, expected: &str) {
    let fetch = async |format: &str| stack.client.transcript(job, &format!("{format}{version}")).await.text;
    let srt = fetch("srt").await;
    let cues = read_srt(&srt).unwrap_or_else(|error| panic!("{error} in\n{srt}"));
    assert_eq!(read_vtt(&fetch("vtt").await), Ok(cues.clone()), "both formats show the same");
    assert_same_words(&subtitles::text(&cues), expected, "srt");
    assert_same_words(&fetch("txt").await, expected, "txt");
}
