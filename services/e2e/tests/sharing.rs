//! Who is served when: seen from what the worker starts, one recording after the other.

use escriba_e2e::{Client, Setup, Spoken, Stack, Studio, nats_wire::NatsWire};
use escriba_test_support::eventually;

/// One slot, so that recordings are taken one after the other.
async fn one_slot() -> Stack {
    let transcriber = vec![("WHISPER_SLOTS", "1")];
    Stack::start_with(Setup { transcriber, ..Setup::default() }).await
}

/// A second or two of speech.
fn short(studio: &Studio) -> std::path::PathBuf {
    studio.convert(&Spoken::english().file, "-t 2 -ar 16000 -ac 1", "short.wav")
}

async fn submit_many(client: &Client, file: &std::path::Path, count: usize, lane: &'static str) -> Vec<String> {
    let mut jobs = Vec::new();
    for _ in 0..count {
        jobs.push(client.submit(file, &[("lane", lane)]).await);
    }
    jobs
}

/// The jobs in the order in which the worker started them.
async fn started(stack: &Stack, jobs: &[&String]) -> Vec<String> {
    let mut wire = NatsWire::connect(&stack.nats.url()).await;
    let mut order = Vec::new();
    for job in jobs {
        for stored in wire.events_of(job).await {
            if stored.subject.starts_with("events.job.started.") {
                order.push((stored.sequence, (*job).clone()));
            }
        }
    }
    order.sort();
    order.into_iter().map(|(_, job)| job).collect()
}

fn place(order: &[String], job: &String) -> usize {
    order.iter().position(|started| started == job).unwrap()
}

#[tokio::test]
async fn forty_files_of_one_workspace_delay_anothers_first_by_one_at_most() {
    let studio = Studio::default();
    let file = short(&studio);
    let stack = one_slot().await;
    let of_many = submit_many(&stack.client, &file, 40, "interactive").await;
    let stranger = stack.stranger("stranger").await;
    eventually("the worker is in the middle of them", async || {
        let (_, done) = stack.client.get("/v1/jobs?state=completed").await;
        (done["items"].as_array()?.len() >= 5).then_some(())
    })
    .await;
    let running_before = started(&stack, &of_many.iter().collect::<Vec<_>>()).await.len();
    let first = stranger.submit(&file, &[("lane", "interactive")]).await;
    let queue = stranger.job(&first).await["queue"].clone();
    assert!(queue.is_null() || queue["position"] == 1, "its place tells of its turn: {queue}");
    stranger.complete(&first).await;
    for job in &of_many {
        stack.client.complete(job).await;
    }
    let order = started(&stack, &of_many.iter().chain([&first]).collect::<Vec<_>>()).await;
    // What was running when it came, and what may have begun while it was sent.
    assert!(place(&order, &first) <= running_before + 2, "{} of {}", place(&order, &first), running_before);
    stack.assert_nothing_is_left().await;
}

#[tokio::test]
async fn the_interactive_lane_goes_first_and_the_batch_lane_does_not_starve() {
    let studio = Studio::default();
    let file = short(&studio);
    let stack = one_slot().await;
    let batch = submit_many(&stack.client, &file, 12, "batch").await;
    let interactive = submit_many(&stack.client, &file, 24, "interactive").await;
    eventually("both lanes are seen, and the worker", async || {
        let (_, queue) = stack.client.get("/v1/queue").await;
        let lanes: Vec<_> = queue["lanes"].as_array()?.iter().map(|lane| lane["lane"].clone()).collect();
        (lanes == ["interactive", "batch"] && queue["workers"].as_array()?.len() == 1).then_some(())
    })
    .await;
    for job in batch.iter().chain(&interactive) {
        stack.client.complete(job).await;
    }
    let order = started(&stack, &batch.iter().chain(&interactive).collect::<Vec<_>>()).await;
    let last_interactive = interactive.iter().map(|job| place(&order, job)).max().unwrap();
    let batch_before = batch.iter().filter(|job| place(&order, job) < last_interactive).count();
    assert!(batch_before >= 3, "{batch_before} batch recordings were served beside the interactive ones");
    assert!(batch_before < batch.len(), "the interactive lane went first");
    let mean = |jobs: &[String]| jobs.iter().map(|job| place(&order, job)).sum::<usize>() / jobs.len();
    assert!(mean(&interactive) < mean(&batch));
    stack.assert_nothing_is_left().await;
}

#[tokio::test]
async fn a_waiting_job_knows_its_place_and_its_time() {
    let studio = Studio::default();
    let file = short(&studio);
    let stack = one_slot().await;
    let first = stack.client.submit(&file, &[]).await;
    stack.client.complete(&first).await;
    let jobs = submit_many(&stack.client, &file, 8, "interactive").await;
    let last = stack.client.job(jobs.last().unwrap()).await;
    let place = &last["queue"];
    assert!(place["position"].as_u64().unwrap() > 1, "{last}");
    eventually("the worker has told its speed", async || {
        let job = stack.client.job(jobs.last().unwrap()).await;
        let told = job["queue"]["time_to_completion"].as_f64().is_some_and(|seconds| seconds > 0.0);
        (told || job["state"] != "queued").then_some(())
    })
    .await;
    for job in &jobs {
        stack.client.complete(job).await;
    }
    eventually("nothing waits, and the worker's speed is known", async || {
        let (_, queue) = stack.client.get("/v1/queue").await;
        let speed = queue["workers"][0]["speeds"][0]["speed"].as_f64()?;
        (queue["lanes"].as_array()?.is_empty() && speed > 0.0).then_some(())
    })
    .await;
    stack.assert_nothing_is_left().await;
}
