//! A job that nobody wants any more stops while it runs, and frees its transcriber for the next.

use std::path::PathBuf;

use escriba_database::transcripts;
use escriba_e2e::{Spoken, Stack, Studio, nats_wire::NatsWire, stack::files_below, words::assert_same_words};
use futures_util::StreamExt;
use reqwest::{Method, StatusCode};

/// Long enough that it cannot be over before somebody stops it.
const TIMES: usize = 40;

#[tokio::test]
async fn a_canceled_job_stops_and_keeps_what_it_has() {
    let studio = Studio::default();
    let recording = studio.repeat(&Spoken::english().file, TIMES, "long.flac");
    let stack = Stack::start().await;
    let job = stack.client.submit(&recording, &[]).await;
    let mut events = stack.client.events(&job).await;
    events.until("job.segments_added").await;

    assert_eq!(stack.client.cancel(&job).await["state"], "canceled");
    let finished = stack.client.segments(&job).await;
    let rest = events.rest().await;
    assert_eq!(rest.last().unwrap().name, "job.canceled");

    assert_takes_another_job(&stack).await;
    assert!(!finished.is_empty());
    assert_eq!(stack.client.segments(&job).await, finished, "what was transcribed stays, and nothing is added");
    assert_eq!(stack.client.job(&job).await["state"], "canceled");

    // Once more is no error; a job that is over by itself cannot be canceled.
    assert_eq!(stack.client.cancel(&job).await["state"], "canceled");
    assert_eq!(names_on_stream(&stack, &job).await.last().unwrap(), "canceled");
    stack.assert_nothing_is_left().await;
}

#[tokio::test]
async fn a_deleted_job_stops_and_is_gone() {
    let studio = Studio::default();
    let recording = studio.repeat(&Spoken::english().file, TIMES, "long.flac");
    let stack = Stack::start().await;
    let job = stack.client.submit(&recording, &[]).await;
    let mut events = stack.client.events(&job).await;
    events.until("job.segments_added").await;

    stack.client.delete(&job).await;
    assert_eq!(events.rest().await.last().unwrap().name, "job.deleted");
    assert_eq!(files_below(&stack.media_dir().join("media")), Vec::<PathBuf>::new(), "its recording is gone");
    let speech = files_below(&stack.media_dir().join("windows"));
    assert!(speech.len() <= 1, "what a worker stored at that very moment is left to the sweep: {speech:?}");
    for path in [format!("/v1/jobs/{job}"), format!("/v1/jobs/{job}/transcript?format=txt")] {
        let (status, problem) = stack.client.get(&path).await;
        assert_eq!((status, problem["code"].as_str()), (StatusCode::NOT_FOUND, Some("job_not_found")), "{path}");
    }
    let again = stack.client.request(Method::DELETE, &format!("/v1/jobs/{job}")).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_FOUND);

    assert_takes_another_job(&stack).await;
    let database = stack.database().await;
    let segments = transcripts::segments(&database, job.parse().unwrap());
    assert_eq!(std::pin::pin!(segments).count().await, 0, "no segment came after it was deleted");
    assert_eq!(names_on_stream(&stack, &job).await.last().unwrap(), "deleted");
    stack.assert_nothing_is_left().await;
}

/// There is one slot, so a job that completes proves that the one before has let go of it.
async fn assert_takes_another_job(stack: &Stack) {
    let english = Spoken::english();
    let other = stack.client.submit(&english.file, &[]).await;
    stack.client.complete(&other).await;
    assert_same_words(&stack.client.text(&other).await, &english.text, "the next job");
}

async fn names_on_stream(stack: &Stack, job: &str) -> Vec<String> {
    let stored = NatsWire::connect(&stack.nats.url()).await.events_of(job).await;
    stored.iter().map(|stored| stored.subject.split('.').nth(2).unwrap().to_owned()).collect()
}
