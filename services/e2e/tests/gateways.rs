//! Gateways that hang or die while transcribers report to them: another takes over and no word is lost; and where
//! there is none, a transcriber can still be stopped.

use std::{path::PathBuf, time::Duration};

use escriba_e2e::{Client, Gateways, Service, Setup, Spoken, Stack, Studio, nats_wire::NatsWire};
use escriba_events::JobEvent;
use escriba_test_support::{databases, eventually};
use tokio::time::timeout;

/// What `docker stop` leaves a process, and less than `escriba up` does.
const GRACE: Duration = Duration::from_secs(10);

fn talk(studio: &Studio) -> PathBuf {
    studio.repeat(&Spoken::english().file, 8, "talk.flac")
}

/// Waits until so many segments are there.
async fn has_said(client: &Client, job: &str, segments: usize) {
    eventually("the job gets on", async || (client.segments(job).await.len() >= segments).then_some(())).await;
}

async fn assert_each_segment_was_told_once(stack: &Stack, job: &str, count: usize) {
    let mut told = Vec::new();
    for stored in NatsWire::connect(&stack.nats.url()).await.events_of(job).await {
        if let JobEvent::SegmentsAdded(added) = JobEvent::decode(&stored.headers["ce-type"], &stored.payload).unwrap() {
            told.extend(added.segments.iter().map(|segment| (added.chunk_position, segment.index)));
        }
    }
    assert_eq!(told.len(), count);
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.len(), count, "a segment was told twice");
}

#[tokio::test]
async fn a_gateway_that_hangs_costs_no_word_where_there_is_another() {
    costs_no_word(|gateway| gateway.freeze()).await;
}

#[tokio::test]
async fn a_gateway_that_dies_costs_no_word_where_there_is_another() {
    costs_no_word(Service::kill).await;
}

/// One of two gateways is disturbed while transcribers report to both.
async fn costs_no_word(disturb: impl FnOnce(&mut Service)) {
    let studio = Studio::default();
    let recording = talk(&studio);
    let database = databases().into_iter().find(|database| database.name == "postgres");
    let transcriber = vec![("CHUNK_SECONDS", "8"), ("WHISPER_SLOTS", "2")];
    let setup = Setup { database, gateways: Gateways::Two, transcriber, ..Setup::default() };
    let mut stack = Stack::start_with(setup).await;
    stack.second_gateway.start().await;
    let undisturbed = stack.client.submit(&recording, &[]).await;
    stack.client.complete(&undisturbed).await;
    let expected = stack.client.segments(&undisturbed).await;

    let job = stack.client.submit(&recording, &[]).await;
    has_said(&stack.client, &job, 2).await;
    disturb(&mut stack.second_gateway);
    stack.client.complete(&job).await;
    assert_eq!(stack.client.segments(&job).await, expected);
    assert_each_segment_was_told_once(&stack, &job, expected.len()).await;
    let log = stack.transcriber.log();
    assert!(log.contains("a report stream broke") || log.contains("a gateway takes no reports"), "nobody missed it");
    stack.assert_nothing_is_left().await;
}

#[tokio::test]
async fn a_transcriber_stops_in_good_order_while_no_gateway_answers() {
    let studio = Studio::default();
    let recording = talk(&studio);
    let mut stack = Stack::start().await;
    let job = stack.client.submit(&recording, &[]).await;
    has_said(&stack.client, &job, 1).await;
    stack.gateway.freeze();
    let ended = timeout(GRACE, stack.transcriber.stop()).await.expect("it ends while it is waited for");
    assert!(ended.success(), "{ended}");
    assert!(stack.transcriber.log().contains("the chunk could not be handed back"));
    stack.gateway.thaw();
    stack.second_transcriber.start().await;
    stack.client.complete(&job).await;
    let count = stack.client.segments(&job).await.len();
    assert_each_segment_was_told_once(&stack, &job, count).await;
    stack.assert_nothing_is_left().await;
}
