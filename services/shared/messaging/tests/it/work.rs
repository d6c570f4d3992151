//! The work runner: what becomes of an item is what its handler says.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use escriba_domain::{Lane, OutboxId};
use escriba_events::{Headers, Message, WorkItem, work_message};
use escriba_messaging::{Settlement, WorkHandler, WorkRunner};
use escriba_runtime::trace_context;
use escriba_test_support::PATIENCE;
use opentelemetry::trace::TracerProvider;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::layer::SubscriberExt;

use crate::server::{Server, doorbell, server, work_item};

/// Reports each item it is given, and settles it as the test says.
struct Handler<F> {
    seen: mpsc::UnboundedSender<WorkItem>,
    settle: F,
}

impl<F, R> WorkHandler for Handler<F>
where
    F: Fn(WorkItem) -> R + Send + Sync + 'static,
    R: Future<Output = Settlement> + Send,
{
    async fn handle(&self, item: WorkItem) -> Settlement {
        self.seen.send(item.clone()).unwrap();
        (self.settle)(item).await
    }
}

pub(crate) struct Running {
    seen: mpsc::UnboundedReceiver<WorkItem>,
    shutdown: CancellationToken,
    runner: JoinHandle<()>,
}

pub(crate) fn run<F, R>(server: &Server, slots: usize, settle: F) -> Running
where
    F: Fn(WorkItem) -> R + Send + Sync + 'static,
    R: Future<Output = Settlement> + Send + 'static,
{
    let (sender, seen) = mpsc::unbounded_channel();
    let shutdown = CancellationToken::new();
    let runner = WorkRunner::new(server.messaging.clone(), vec!["tiny.en".parse().unwrap()], slots);
    let runner = tokio::spawn(runner.run(Handler { seen: sender, settle }, shutdown.clone()));
    Running { seen, shutdown, runner }
}

impl Running {
    pub(crate) async fn next(&mut self) -> WorkItem {
        tokio::time::timeout(PATIENCE, self.seen.recv()).await.expect("an item comes").expect("the runner runs")
    }

    /// Stops it, and says what else it was given.
    pub(crate) async fn stop(mut self) -> Vec<WorkItem> {
        self.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.runner).await.expect("the runner stops").unwrap();
        let mut rest = Vec::new();
        while let Some(item) = self.seen.recv().await {
            rest.push(item);
        }
        rest
    }
}

#[tokio::test]
async fn an_item_that_is_done_is_gone() {
    let server = server().await;
    let item = work_item(Lane::Batch);
    server.publish(doorbell(&item)).await;
    let mut running = run(&server, 1, async |_| Settlement::Done);
    assert_eq!(running.next().await, item);
    server.no_work_is_left().await;
    assert!(running.stop().await.is_empty());
}

#[tokio::test]
async fn an_item_that_is_to_come_again_does_so_until_it_is_done() {
    let server = server().await;
    let item = work_item(Lane::Interactive);
    server.publish(doorbell(&item)).await;
    let refusals = Arc::new(Mutex::new(2_u32));
    let mut running = run(&server, 1, move |_| {
        let refusals = refusals.clone();
        async move {
            let mut left = refusals.lock().unwrap();
            if *left == 0 {
                return Settlement::Done;
            }
            *left -= 1;
            Settlement::Again(Duration::from_millis(5))
        }
    });
    for _ in 0..3 {
        assert_eq!(running.next().await, item);
    }
    server.no_work_is_left().await;
    assert!(running.stop().await.is_empty());
}

#[tokio::test]
async fn garbage_is_dropped_and_does_not_stop_what_comes_after_it() {
    let server = server().await;
    let item = work_item(Lane::Interactive);
    let garbage = [&b"\xFF\xFF\xFF not protobuf"[..], b"", b"\x0a\x04nope"];
    for payload in garbage {
        let message = doorbell(&work_item(Lane::Interactive));
        server.publish(Message { id: OutboxId::new(), payload: payload.to_vec(), ..message }).await;
    }
    server.publish(doorbell(&item)).await;
    let mut running = run(&server, 1, async |_| Settlement::Done);
    assert_eq!(running.next().await, item);
    server.no_work_is_left().await;
    assert!(running.stop().await.is_empty());
}

#[tokio::test]
async fn somebody_waiting_comes_before_the_batch() {
    let server = server().await;
    for lane in [Lane::Batch, Lane::Interactive].repeat(4) {
        server.publish(doorbell(&work_item(lane))).await;
    }
    let mut running = run(&server, 1, async |_| Settlement::Done);
    let mut lanes = Vec::new();
    for _ in 0..8 {
        lanes.push(running.next().await.lane);
    }
    assert_eq!(lanes, [[Lane::Interactive; 4], [Lane::Batch; 4]].concat());
    server.no_work_is_left().await;
    running.stop().await;
}

#[tokio::test]
async fn of_ten_takes_two_look_at_the_batch_first() {
    let server = server().await;
    for lane in [Lane::Batch, Lane::Interactive].repeat(20) {
        server.publish(doorbell(&work_item(lane))).await;
    }
    let mut running = run(&server, 1, async |_| Settlement::Done);
    for _ in 0..2 {
        let mut batch = 0;
        for _ in 0..10 {
            batch += usize::from(running.next().await.lane == Lane::Batch);
        }
        assert_eq!(batch, 2);
    }
    for _ in 0..20 {
        running.next().await;
    }
    server.no_work_is_left().await;
    assert!(running.stop().await.is_empty());
}

#[tokio::test]
async fn a_free_slot_waits_at_all_lanes_and_models() {
    let server = server().await;
    let models = ["tiny.en", "base", "large-v3"].map(|model| model.parse().unwrap());
    let (sender, mut seen) = mpsc::unbounded_channel();
    let shutdown = CancellationToken::new();
    let runner = WorkRunner::new(server.messaging.clone(), models.to_vec(), 1);
    let handler = Handler { seen: sender, settle: async |_| Settlement::Done };
    let runner = tokio::spawn(runner.run(handler, shutdown.clone()));
    for _ in 0..3 {
        for lane in [Lane::Batch, Lane::Interactive] {
            for model in &models {
                let item = WorkItem { model: model.clone(), ..work_item(lane) };
                server.publish(doorbell(&item)).await;
                assert_eq!(tokio::time::timeout(PATIENCE, seen.recv()).await.unwrap().unwrap(), item);
            }
        }
    }
    server.no_work_is_left().await;
    shutdown.cancel();
    runner.await.unwrap();
}

#[tokio::test]
async fn busy_slots_are_counted_also_when_a_handler_dies() {
    let server = server().await;
    let go_on = Arc::new(tokio::sync::Semaphore::new(0));
    let (sender, _seen) = mpsc::unbounded_channel();
    let handler = Handler {
        seen: sender,
        settle: {
            let go_on = go_on.clone();
            move |item: WorkItem| {
                let go_on = go_on.clone();
                async move {
                    go_on.acquire().await.unwrap().forget();
                    assert_eq!(item.ring, 1, "this handler dies on purpose");
                    Settlement::Done
                }
            }
        },
    };
    let runner = WorkRunner::new(server.messaging.clone(), vec!["tiny.en".parse().unwrap()], 2);
    let mut busy = runner.busy();
    assert_eq!(*busy.borrow(), 0);
    let shutdown = CancellationToken::new();
    let runner = tokio::spawn(runner.run(handler, shutdown.clone()));
    server.publish(doorbell(&work_item(Lane::Batch))).await;
    server.publish(doorbell(&WorkItem { ring: 2, ..work_item(Lane::Batch) })).await;
    tokio::time::timeout(PATIENCE, busy.wait_for(|busy| *busy == 2)).await.unwrap().unwrap();
    go_on.add_permits(2);
    tokio::time::timeout(PATIENCE, busy.wait_for(|busy| *busy == 0)).await.unwrap().unwrap();
    shutdown.cancel();
    runner.await.unwrap();
}

#[tokio::test]
async fn another_models_work_is_left_alone() {
    let server = server().await;
    let others = WorkItem { model: "tiny".parse().unwrap(), ..work_item(Lane::Interactive) };
    let ours = work_item(Lane::Interactive);
    server.publish(doorbell(&others)).await;
    server.publish(doorbell(&ours)).await;
    let mut running = run(&server, 1, async |_| Settlement::Done);
    assert_eq!(running.next().await, ours);
    assert!(running.stop().await.is_empty());
    assert_eq!(server.messaging.stored_messages(&escriba_events::WORK).await.unwrap(), 1);
}

#[tokio::test]
async fn slots_work_side_by_side_and_each_item_goes_to_one() {
    let server = server().await;
    // No handler returns before all three have begun.
    let together = Arc::new(tokio::sync::Barrier::new(3));
    let mut running = run(&server, 3, move |_| {
        let together = together.clone();
        async move {
            together.wait().await;
            Settlement::Done
        }
    });
    let items: Vec<WorkItem> = (0..6).map(|_| work_item(Lane::Batch)).collect();
    for item in &items {
        server.publish(doorbell(item)).await;
    }
    let mut seen = Vec::new();
    for _ in 0..6 {
        seen.push(running.next().await.job_id);
    }
    seen.sort();
    assert_eq!(seen, items.iter().map(|item| item.job_id).collect::<Vec<_>>());
    server.no_work_is_left().await;
    assert!(running.stop().await.is_empty());
}

#[tokio::test]
async fn shutdown_waits_for_the_item_in_hand_and_settles_it() {
    let server = server().await;
    server.publish(doorbell(&work_item(Lane::Batch))).await;
    let finish = Arc::new(tokio::sync::Notify::new());
    let mut running = run(&server, 1, {
        let finish = finish.clone();
        move |_| {
            let finish = finish.clone();
            async move {
                finish.notified().await;
                Settlement::Done
            }
        }
    });
    running.next().await;
    running.shutdown.cancel();
    server.publish(doorbell(&work_item(Lane::Batch))).await;
    finish.notify_one();
    assert!(running.stop().await.is_empty(), "nothing is taken after shutdown has begun");
    assert_eq!(server.messaging.stored_messages(&escriba_events::WORK).await.unwrap(), 1);
}

#[tokio::test]
async fn work_goes_on_after_nats_was_killed() {
    let mut server = server().await;
    let mut running = run(&server, 2, async |_| Settlement::Done);
    let before = work_item(Lane::Batch);
    server.publish(doorbell(&before)).await;
    assert_eq!(running.next().await, before);
    server.no_work_is_left().await;
    server.nats.kill();
    server.nats.restart();
    let after = work_item(Lane::Interactive);
    escriba_test_support::eventually("the server takes work again", async || {
        let message = doorbell(&after);
        let sent = server.raw.publish(message.subject, message.payload.into()).await.ok()?;
        sent.await.ok().map(|_| ())
    })
    .await;
    assert_eq!(running.next().await, after);
    server.no_work_is_left().await;
    running.stop().await;
}

#[tokio::test]
async fn a_handler_works_within_the_trace_of_its_item() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    let tracer = opentelemetry_sdk::trace::SdkTracerProvider::builder().build().tracer("test");
    let subscriber = tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(tracer));
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let server = server().await;
    let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
    let headers = Headers::from([("traceparent".to_owned(), parent)]);
    server.publish(work_message(&work_item(Lane::Batch), &headers)).await;
    let (sender, mut seen) = mpsc::unbounded_channel();
    let running = run(&server, 1, move |_| {
        let sender = sender.clone();
        async move {
            sender.send(trace_context::current()).unwrap();
            Settlement::Done
        }
    });
    let trace = tokio::time::timeout(PATIENCE, seen.recv()).await.unwrap().unwrap();
    assert_eq!(trace["traceparent"].split('-').nth(1), Some(TRACE));
    server.no_work_is_left().await;
    running.stop().await;
}
