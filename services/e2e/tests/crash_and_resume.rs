//! A transcriber that is killed or stopped in the middle of a job costs nothing but time: another goes on where it
//! stopped, and each segment stands once in the transcript.

use escriba_domain::MAX_ATTEMPTS;
use escriba_e2e::{Spoken, Stack, Studio, nats_wire::NatsWire, processes};
use escriba_events::JobEvent;
use escriba_test_support::eventually;
use serde_json::Value;

#[tokio::test]
async fn a_killed_transcriber_costs_no_word() {
    let studio = Studio::default();
    let recording = studio.repeat(&Spoken::english().file, 6, "long.flac");
    let mut stack = Stack::start().await;

    let undisturbed = stack.client.submit(&recording, &[]).await;
    stack.client.complete(&undisturbed).await;
    let expected = stack.client.segments(&undisturbed).await;

    let job = stack.client.submit(&recording, &[]).await;
    let mut events = stack.client.events(&job).await;
    events.until("job.segments_added").await;
    let decoders = processes::children(stack.transcriber.pid());
    stack.transcriber.kill();
    assert_eq!(stack.client.job(&job).await["state"], "running");
    let finished = stack.client.segments(&job).await;
    assert!(!finished.is_empty() && finished.len() < expected.len(), "killed too early or too late");
    assert_eq!(finished, expected[..finished.len()]);
    assert!(!decoders.is_empty());
    eventually("the decoder goes with its transcriber", async || {
        (!decoders.iter().any(|decoder| processes::lives(*decoder))).then_some(())
    })
    .await;

    stack.transcriber.start().await;
    let rest = events.rest().await;
    assert_eq!(rest.last().unwrap().name, "job.completed");
    assert!(rest.iter().all(|event| event.name != "job.started"), "a job starts once");
    stack.client.complete(&job).await;
    assert_eq!(stack.client.segments(&job).await, expected, "the transcript is that of an undisturbed run");
    assert_each_segment_was_told_once(&stack, &job, &expected).await;
    stack.assert_nothing_is_left().await;
}

#[tokio::test]
async fn a_stopped_transcriber_hands_its_chunk_on_and_that_is_no_attempt() {
    let studio = Studio::default();
    let recording = studio.repeat(&Spoken::english().file, 8, "long.flac");
    let mut stack = Stack::start().await;
    let undisturbed = stack.client.submit(&recording, &[]).await;
    stack.client.complete(&undisturbed).await;
    let expected = stack.client.segments(&undisturbed).await;

    let job = stack.client.submit(&recording, &[]).await;
    // As many as there are attempts: one more would fail the job if they counted.
    for _ in 0..MAX_ATTEMPTS {
        let said = stack.client.segments(&job).await.len();
        eventually("the job gets on", async || (stack.client.segments(&job).await.len() > said).then_some(())).await;
        let ended = stack.transcriber.stop().await;
        assert!(ended.success(), "{ended}");
        stack.transcriber.start().await;
    }
    stack.client.complete(&job).await;
    assert_eq!(stack.client.segments(&job).await, expected);
    let handed_back = stack.transcriber.log().matches("the chunk was handed back").count();
    assert_eq!(handed_back, usize::try_from(MAX_ATTEMPTS).unwrap());
    assert!(!stack.gateway.log().contains("a worker has fallen silent"), "no lease had to run out");
    assert_each_segment_was_told_once(&stack, &job, &expected).await;
    stack.assert_nothing_is_left().await;
}

async fn assert_each_segment_was_told_once(stack: &Stack, job: &str, expected: &[Value]) {
    let stored = NatsWire::connect(&stack.nats.url()).await.events_of(job).await;
    let mut told = Vec::new();
    for stored in stored {
        if let JobEvent::SegmentsAdded(added) = JobEvent::decode(&stored.headers["ce-type"], &stored.payload).unwrap() {
            told.extend(added.segments);
        }
    }
    assert!(told.iter().map(|segment| segment.index).eq(0..u32::try_from(expected.len()).unwrap()));
    assert!(told.iter().map(|segment| segment.text.trim()).eq(expected.iter().map(|segment| &segment["text"])));
}
