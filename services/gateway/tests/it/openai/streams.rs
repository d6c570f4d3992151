//! Text that is told as it becomes final.

use std::pin::Pin;

use escriba_domain::Segment;
use escriba_test_support::{PATIENCE, segment};
use eventsource_stream::Eventsource;
use futures_util::{Stream, StreamExt};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{TRANSCRIPTIONS, cancel, form, job_of, post, request_id, sent};
use crate::{
    parts::plan_parts,
    stack::on_each_engine,
    worker::{Worker, done, failed, segments},
};

type Frames = Pin<Box<dyn Stream<Item = Value>>>;

/// Opens a stream, whose head comes before anything is transcribed.
async fn follow(request: RequestBuilder) -> Frames {
    let response = sent(request).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["cache-control"], "no-cache");
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    request_id(&response);
    let frames = response.bytes_stream().eventsource().map(|event| {
        let event = event.unwrap();
        assert_eq!((event.event.as_str(), event.id.as_str()), ("message", ""), "frames have no names");
        serde_json::from_str::<Value>(&event.data).unwrap()
    });
    Box::pin(frames)
}

async fn next(frames: &mut Frames) -> Value {
    tokio::time::timeout(PATIENCE, frames.next()).await.expect("a frame comes").expect("the stream goes on")
}

async fn rest(frames: Frames) -> Vec<Value> {
    tokio::time::timeout(PATIENCE, frames.collect()).await.expect("the stream ends")
}

fn delta(text: &str) -> Value {
    json!({ "type": "transcript.text.delta", "delta": text })
}

#[tokio::test]
async fn text_comes_as_it_becomes_final_and_whole_at_the_end() {
    on_each_engine(async |gateway| {
        let mut frames = follow(post(gateway, TRANSCRIPTIONS, form(&[("stream", "true")]))).await;
        let item = gateway.doorbell().await;
        let mut worker = Worker::claim(gateway, &item).await;
        worker.commit(segments(&[segment(0)], 2_000)).await;
        assert_eq!(next(&mut frames).await, delta("Sentence 0, añadida."));
        worker.commit(segments(&[segment(1), segment(2)], 6_000)).await;
        assert_eq!(next(&mut frames).await, delta(" Sentence 1, añadida."));
        assert_eq!(next(&mut frames).await, delta(" Sentence 2, añadida."));
        worker.commit(done(6_000)).await;
        let last = json!({
            "type": "transcript.text.done",
            "text": "Sentence 0, añadida. Sentence 1, añadida. Sentence 2, añadida.",
            "languages": [{ "code": "en" }],
            "usage": { "type": "duration", "seconds": 6.0 },
        });
        assert_eq!(rest(frames).await, [last]);
    })
    .await;
}

#[tokio::test]
async fn whoever_joins_late_hears_everything_from_the_beginning() {
    on_each_engine(async |gateway| {
        let ask = || post(gateway, TRANSCRIPTIONS, form(&[("stream", "true")])).header("x-stainless-retry-count", "1");
        let (first, second, third) = (ask(), ask(), ask());
        let frames = follow(first).await;
        let item = gateway.doorbell().await;
        let mut worker = Worker::claim(gateway, &item).await;
        worker.commit(segments(&[segment(0)], 2_000)).await;
        worker.commit(segments(&[segment(1)], 4_000)).await;
        let mut late = follow(second).await;
        let heard = [next(&mut late).await, next(&mut late).await];
        worker.commit(done(4_000)).await;
        let whole = rest(frames).await;
        assert_eq!(whole.len(), 3);
        assert_eq!(whole[..2], heard);
        assert_eq!(rest(late).await, whole[2..]);
        let after = follow(third).await;
        assert_eq!(rest(after).await, whole, "and after the end as well");
    })
    .await;
}

/// Parts are done side by side; their text is told in the order of the recording.
#[tokio::test]
async fn a_long_recording_is_told_in_order_whoever_is_quicker() {
    on_each_engine(async |gateway| {
        let mut frames = follow(post(gateway, TRANSCRIPTIONS, form(&[("stream", "true")]))).await;
        let item = gateway.doorbell().await;
        let mut planner = Worker::claim(gateway, &item).await;
        let bells = plan_parts(gateway, &mut planner, &item, 2).await;
        let mut first = Worker::claim(gateway, &bells[0]).await;
        let mut second = Worker::claim(gateway, &bells[1]).await;
        let said = |index, text: &str| [Segment { text: text.to_owned(), ..segment(index) }];
        second.commit(segments(&said(0, "Three."), 12_000)).await;
        first.commit(segments(&said(0, "One."), 2_000)).await;
        assert_eq!(next(&mut frames).await, delta("One."));
        first.commit(segments(&said(1, "Two."), 4_000)).await;
        assert_eq!(next(&mut frames).await, delta(" Two."));
        first.commit(done(0)).await;
        second.commit(segments(&said(1, "Four."), 14_000)).await;
        assert_eq!(next(&mut frames).await, delta(" Three."));
        assert_eq!(next(&mut frames).await, delta(" Four."));
        second.commit(done(0)).await;
        planner.commit(done(20_000)).await;
        assert_eq!(rest(frames).await[0]["text"], "One. Two. Three. Four.");
    })
    .await;
}

#[tokio::test]
async fn speakers_and_probabilities_come_along() {
    on_each_engine(async |gateway| {
        let parts = [("stream", "true"), ("response_format", "diarized_json")];
        let mut frames = follow(post(gateway, TRANSCRIPTIONS, form(&parts))).await;
        let item = gateway.doorbell().await;
        let mut worker = Worker::claim(gateway, &item).await;
        worker.commit(segments(&[segment(1)], 4_000)).await;
        let said = next(&mut frames).await;
        assert_eq!((&said["type"], &said["segment_id"]), (&json!("transcript.text.delta"), &json!("seg_0")));
        let segment_frame = next(&mut frames).await;
        let expected = json!({
            "type": "transcript.text.segment", "id": "seg_0", "start": 2.0, "end": 3.9, "text": segment(1).text,
            "speaker": "B",
        });
        assert_eq!(segment_frame, expected);
        worker.report(done(4_000)).await;
        assert_eq!(rest(frames).await.len(), 1);

        let parts = [("stream", "true"), ("include[]", "logprobs")];
        let mut frames = follow(post(gateway, TRANSCRIPTIONS, form(&parts))).await;
        let item = gateway.doorbell().await;
        let mut worker = Worker::claim(gateway, &item).await;
        worker.commit(segments(&[segment(0)], 2_000)).await;
        let said = next(&mut frames).await;
        assert_eq!(said["logprobs"][0]["token"], "Sentence");
        worker.commit(done(2_000)).await;
        assert_eq!(rest(frames).await[0]["logprobs"], said["logprobs"]);
    })
    .await;
}

#[tokio::test]
async fn a_job_that_fails_on_the_way_ends_the_stream_with_an_error() {
    on_each_engine(async |gateway| {
        let mut frames = follow(post(gateway, TRANSCRIPTIONS, form(&[("stream", "true")]))).await;
        let item = gateway.doorbell().await;
        let mut worker = Worker::claim(gateway, &item).await;
        worker.commit(segments(&[segment(0)], 2_000)).await;
        assert_eq!(next(&mut frames).await, delta(&segment(0).text));
        worker.commit(failed("media_undecodable", false)).await;
        let error = json!({ "error": {
            "message": "A sentence for a person.", "type": "invalid_request_error", "param": "file",
            "code": "media_undecodable",
        } });
        assert_eq!(rest(frames).await, [error]);

        let frames = follow(post(gateway, TRANSCRIPTIONS, form(&[("stream", "true")]))).await;
        let item = gateway.doorbell().await;
        cancel(gateway, item.job_id).await;
        assert_eq!(rest(frames).await[0]["error"]["code"], "job_canceled");
    })
    .await;
}

#[tokio::test]
async fn a_gateway_that_stops_ends_its_streams_with_an_error() {
    on_each_engine(async |gateway| {
        let response = sent(post(gateway, TRANSCRIPTIONS, form(&[("stream", "true")]))).await;
        let item = gateway.doorbell().await;
        assert_eq!(job_of(&response), item.job_id.to_string());
        gateway.restart().await;
        let said = response.text().await.unwrap();
        assert!(said.contains("\"unavailable\""), "{said}");
    })
    .await;
}
