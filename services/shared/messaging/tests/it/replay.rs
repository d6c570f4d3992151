//! Replaying a job's events from any point.

use chrono::Utc;
use escriba_domain::{ChunkId, JobId, OutboxId, WorkspaceId};
use escriba_events::{
    Headers, JobEvent, Message, event_message, job_canceled, job_deleted, job_segments_added, job_started,
};
use escriba_messaging::{Entrance, EventAt, EventFilter};
use escriba_test_support::{PATIENCE, segment};
use futures_util::{Stream, StreamExt};

use crate::server::{Server, server};

struct Job {
    workspace: WorkspaceId,
    id: JobId,
}

fn job() -> Job {
    Job { workspace: WorkspaceId::new(), id: JobId::new() }
}

impl Job {
    fn segments_added(&self, nth: u32) -> JobEvent {
        job_segments_added(self.workspace, self.id, (ChunkId::new(), 0), &[segment(nth)])
    }
}

async fn publish(server: &Server, event: &JobEvent) {
    server.publish(event_message(event, Utc::now(), &Headers::new())).await;
}

async fn next(
    events: &mut (impl Stream<Item = Result<EventAt, escriba_messaging::MessagingError>> + Unpin),
) -> EventAt {
    tokio::time::timeout(PATIENCE, events.next()).await.expect("an event comes").expect("the stream goes on").unwrap()
}

#[tokio::test]
async fn kept_events_come_first_and_new_ones_follow_in_order() {
    let server = server().await;
    let (job, other) = (job(), job());
    let kept = [job_started(job.workspace, job.id, "worker-1"), job.segments_added(0), job.segments_added(1)];
    for event in &kept {
        publish(&server, event).await;
        publish(&server, &other.segments_added(9)).await;
    }
    let mut events = Box::pin(server.messaging.replay_events(job.workspace, job.id, None).await.unwrap());
    let mut sequences = Vec::new();
    for expected in &kept {
        let at = next(&mut events).await;
        assert_eq!(at.event, *expected);
        assert!(at.time.ends_with('Z'), "{}", at.time);
        sequences.push(at.sequence);
    }
    assert!(sequences.is_sorted());
    for nth in 2..40 {
        publish(&server, &job.segments_added(nth)).await;
    }
    publish(&server, &job_canceled(job.workspace, job.id)).await;
    for nth in 2..40 {
        let JobEvent::SegmentsAdded(added) = next(&mut events).await.event else { panic!("segments come first") };
        assert_eq!(added.segments[0].index, nth);
    }
    assert!(next(&mut events).await.event.is_terminal());
}

#[tokio::test]
async fn a_reader_resumes_after_the_last_event_it_saw() {
    let server = server().await;
    let job = job();
    for nth in 0..6 {
        publish(&server, &job.segments_added(nth)).await;
    }
    let mut events = Box::pin(server.messaging.replay_events(job.workspace, job.id, None).await.unwrap());
    let mut seen = next(&mut events).await;
    seen = if let JobEvent::SegmentsAdded(_) = seen.event { next(&mut events).await } else { seen };
    drop(events);
    let mut events =
        Box::pin(server.messaging.replay_events(job.workspace, job.id, Some(seen.sequence)).await.unwrap());
    for nth in 2..6 {
        let at = next(&mut events).await;
        assert!(at.sequence > seen.sequence);
        let JobEvent::SegmentsAdded(added) = at.event else { panic!("only segments were published") };
        assert_eq!(added.segments[0].index, nth);
    }
    // Beyond the end there is nothing yet, and what comes then is not missed.
    let last = next_sequence(&server).await;
    let mut events = Box::pin(server.messaging.replay_events(job.workspace, job.id, Some(last)).await.unwrap());
    publish(&server, &job.segments_added(6)).await;
    assert_eq!(next(&mut events).await.sequence, last + 1);
}

async fn next_sequence(server: &Server) -> u64 {
    let mut stream = server.raw.get_stream("EVENTS").await.unwrap();
    stream.info().await.unwrap().state.last_sequence
}

#[tokio::test]
async fn another_workspace_sees_nothing_of_a_job() {
    let server = server().await;
    let (job, stranger) = (job(), job());
    publish(&server, &job.segments_added(0)).await;
    let mut events = Box::pin(server.messaging.replay_events(stranger.workspace, job.id, None).await.unwrap());
    publish(&server, &job_canceled(stranger.workspace, job.id)).await;
    assert!(next(&mut events).await.event.is_terminal(), "its own event is the first it sees");
}

#[tokio::test]
async fn events_of_a_later_version_are_passed_over() {
    let server = server().await;
    let job = job();
    let tomorrow = Message {
        id: OutboxId::new(),
        job: job.id,
        subject: format!("events.job.queued.{}.{}", job.workspace, job.id),
        headers: Headers::from([("ce-type".to_owned(), "escriba.job.queued.v2".to_owned())]),
        payload: vec![1, 2, 3],
    };
    server.publish(tomorrow).await;
    server.publish(Message { id: OutboxId::new(), headers: Headers::new(), ..message_without_type(&job) }).await;
    publish(&server, &job.segments_added(0)).await;
    let mut events = Box::pin(server.messaging.replay_events(job.workspace, job.id, None).await.unwrap());
    let at = next(&mut events).await;
    assert!(matches!(at.event, JobEvent::SegmentsAdded(_)));
    assert_eq!(at.sequence, 3);
}

fn message_without_type(job: &Job) -> Message {
    event_message(&job_canceled(job.workspace, job.id), Utc::now(), &Headers::new())
}

#[tokio::test]
async fn a_workspaces_events_are_all_of_its_jobs_or_those_that_are_chosen() {
    let server = server().await;
    let (one, stranger) = (job(), job());
    let other = Job { workspace: one.workspace, id: JobId::new() };
    for of in [&one, &stranger, &other] {
        publish(&server, &job_started(of.workspace, of.id, "worker-1")).await;
        publish(&server, &of.segments_added(0)).await;
        publish(&server, &job_deleted(of.workspace, of.id)).await;
    }
    let all = EventFilter::default();
    let ends = EventFilter { types: vec!["canceled", "deleted"], job: None };
    let of_other = EventFilter { types: Vec::new(), job: Some(other.id) };
    let starts_of_other = EventFilter { types: vec!["started"], job: Some(other.id) };
    for (filter, expected) in
        [(all, vec![1, 2, 3, 7, 8, 9]), (ends, vec![3, 9]), (of_other, vec![7, 8, 9]), (starts_of_other, vec![7])]
    {
        let (entrance, events) = server.messaging.replay_workspace(one.workspace, &filter, Some(0)).await.unwrap();
        assert_eq!(entrance, Entrance { after: 0, is_gap: false });
        let mut events = Box::pin(events);
        let mut sequences = Vec::new();
        while sequences.len() < expected.len() {
            sequences.push(next(&mut events).await.sequence);
        }
        assert_eq!(sequences, expected, "{filter:?}");
    }
    let (entrance, events) = server.messaging.replay_workspace(one.workspace, &ends_only(), None).await.unwrap();
    assert_eq!(entrance, Entrance { after: 9, is_gap: false }, "who names no place begins now");
    let mut events = Box::pin(events);
    publish(&server, &job_canceled(one.workspace, one.id)).await;
    assert_eq!(next(&mut events).await.sequence, 10);
}

fn ends_only() -> EventFilter {
    EventFilter { types: vec!["canceled", "completed", "failed"], job: None }
}

#[tokio::test]
async fn what_is_not_kept_any_more_is_a_gap_and_the_rest_follows() {
    let server = server().await;
    let job = job();
    for nth in 0..6 {
        publish(&server, &job.segments_added(nth)).await;
    }
    server.raw.get_stream("EVENTS").await.unwrap().purge().sequence(4).await.unwrap();
    let enter = async |after| {
        let filter = EventFilter::default();
        let (entrance, events) = server.messaging.replay_workspace(job.workspace, &filter, after).await.unwrap();
        (entrance, next(&mut Box::pin(events)).await.sequence)
    };
    assert_eq!(enter(Some(0)).await, (Entrance { after: 3, is_gap: false }, 4), "the oldest that is kept");
    assert_eq!(enter(Some(2)).await, (Entrance { after: 3, is_gap: true }, 4));
    assert_eq!(enter(Some(3)).await, (Entrance { after: 3, is_gap: false }, 4), "nothing was missed");
    assert_eq!(enter(Some(5)).await, (Entrance { after: 5, is_gap: false }, 6));
    assert_eq!(enter(Some(7)).await, (Entrance { after: 3, is_gap: true }, 4), "this stream never had it");
    let mut events = Box::pin(server.messaging.replay_events(job.workspace, job.id, Some(7)).await.unwrap());
    assert_eq!(next(&mut events).await.sequence, 4, "nor does a job's reader wait for what does not come");
}
