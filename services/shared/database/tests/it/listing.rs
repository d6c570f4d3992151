//! Lists: each filter alone and with others, each order, and pages that stay right while jobs arrive.

use chrono::TimeDelta;
use escriba_database::{
    Database,
    jobs::{self, Ending, Failure, Filter, Order, Place, SortKey},
};
use escriba_domain::{JobId, JobOptions, JobState, Labels, Lane, Language, WorkspaceId};
use escriba_test_support::{job_options, tenant};

use crate::{
    engines::on_each_engine,
    rows::{Queued, queue},
};

fn every_order() -> impl Iterator<Item = Order> {
    let keys = [SortKey::Created, SortKey::Finished, SortKey::Duration];
    keys.into_iter().flat_map(|key| [true, false].map(|descending| Order { key, descending }))
}

async fn ids(db: &Database, workspace: WorkspaceId, filter: &Filter) -> Vec<JobId> {
    let found = jobs::list_ids(db, workspace, filter, (Order::default(), None), 100).await.unwrap();
    assert_eq!(jobs::count(db, workspace, filter).await.unwrap(), found.len() as u64);
    found
}

/// Brings a job into a state, with a recording of this length.
async fn bring(db: &Database, queued: &Queued, state: JobState, audio_ms: Option<u64>) {
    let tx = db.begin().await.unwrap();
    if let Some(audio_ms) = audio_ms {
        jobs::note_length(&tx, queued.job, audio_ms).await.unwrap();
    }
    if state != JobState::Queued {
        jobs::start(&tx, queued.job).await.unwrap();
    }
    let job = jobs::lock(&tx, queued.job).await.unwrap().unwrap();
    let failure = || Failure { code: "media_no_audio".to_owned(), message: "It is silent.".to_owned() };
    match state {
        JobState::Queued | JobState::Running => {}
        JobState::Completed => jobs::finish(&tx, &job, &Ending::Completed).await.unwrap(),
        JobState::Failed => jobs::finish(&tx, &job, &Ending::Failed(failure())).await.unwrap(),
        JobState::Canceled => jobs::finish(&tx, &job, &Ending::Canceled).await.unwrap(),
    }
    tx.commit().await.unwrap();
}

async fn label(db: &Database, queued: &Queued, tags: &[&str]) {
    let labels = Labels { tags: tags.iter().map(|&tag| tag.to_owned()).collect(), ..Labels::default() };
    let tx = db.begin().await.unwrap();
    jobs::relabel(&tx, queued.job, &labels).await.unwrap();
    tx.commit().await.unwrap();
}

/// Some of each state, some with the same length and some without one, and every second one with a tag.
async fn mixed_jobs(db: &Database, workspace: WorkspaceId) -> Vec<JobId> {
    let mut made = Vec::new();
    for nth in 0..15 {
        let queued = queue(db, workspace, job_options()).await;
        let state = JobState::ALL[nth % JobState::ALL.len()];
        let audio_ms = (nth % 4 != 0).then_some(1_000 * (nth as u64 % 3));
        bring(db, &queued, state, audio_ms).await;
        if nth % 2 == 0 {
            label(db, &queued, &["even", "all"]).await;
        }
        made.push(queued.job);
    }
    made
}

#[tokio::test]
async fn pages_hold_each_job_once_in_every_order_while_others_arrive() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let workspace = tenant(db, "acme").await.workspace;
        let stranger = tenant(db, "globex").await.workspace;
        queue(db, stranger, job_options()).await;
        mixed_jobs(db, workspace).await;
        let some_states = vec![JobState::Failed, JobState::Completed, JobState::Queued];
        let filters = [
            Filter::default(),
            Filter { states: some_states, ..Filter::default() },
            Filter { tags: vec!["even".to_owned()], ..Filter::default() },
        ];
        for (filter, order) in filters.iter().flat_map(|filter| every_order().map(move |order| (filter, order))) {
            let there = expected(db, workspace, filter, order).await;
            let mut seen: Vec<Place> = Vec::new();
            loop {
                let after = seen.last().copied();
                let page = jobs::list(db, workspace, filter, (order, after), 4).await.unwrap();
                seen.extend(page.iter().map(|job| order.place_of(job)));
                if page.len() < 4 {
                    break;
                }
                if seen.len() < 40 {
                    queue(db, workspace, job_options()).await;
                }
            }
            let news: Vec<_> = seen.iter().filter(|place| !there.contains(place)).collect();
            let olds: Vec<_> = seen.iter().filter(|place| there.contains(place)).copied().collect();
            assert_eq!(olds, there, "{filter:?} {order:?}");
            assert_eq!(news.iter().filter(|place| seen.iter().filter(|other| other == *place).count() > 1).count(), 0);
        }
    })
    .await;
}

/// What is there now, sorted here.
async fn expected(db: &Database, workspace: WorkspaceId, filter: &Filter, order: Order) -> Vec<Place> {
    let jobs = jobs::list(db, workspace, filter, (Order::default(), None), 1_000).await.unwrap();
    let mut places: Vec<_> = jobs.iter().map(|job| order.place_of(job)).collect();
    places.sort_by_key(|place| (place.key, place.id));
    if order.descending {
        places.reverse();
    }
    places
}

#[tokio::test]
async fn each_filter_leaves_what_it_names() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let workspace = tenant(db, "acme").await.workspace;
        let spanish = JobOptions { language: Some("es".parse().unwrap()), lane: Lane::Batch, ..job_options() };
        let a = queue(db, workspace, spanish).await;
        let b = queue(db, workspace, JobOptions { model: "tiny".parse().unwrap(), ..job_options() }).await;
        let c = queue(db, workspace, job_options()).await;
        label(db, &a, &["x", "y"]).await;
        label(db, &b, &["y", "z"]).await;
        bring(db, &a, JobState::Queued, Some(10_000)).await;
        bring(db, &b, JobState::Failed, Some(20_000)).await;
        bring(db, &c, JobState::Running, None).await;
        let tx = db.begin().await.unwrap();
        jobs::note_language(&tx, c.job, Language::ENGLISH).await.unwrap();
        tx.commit().await.unwrap();
        let tags = |tags: &[&str]| tags.iter().map(|&tag| tag.to_owned()).collect::<Vec<_>>();
        let none = Filter::default;
        let cases: [(Filter, &[JobId]); 21] = [
            (none(), &[c.job, b.job, a.job]),
            (Filter { states: vec![JobState::Failed], ..none() }, &[b.job]),
            (Filter { states: vec![JobState::Queued, JobState::Running], ..none() }, &[c.job, a.job]),
            (Filter { states: JobState::ALL.to_vec(), ..none() }, &[c.job, b.job, a.job]),
            (Filter { language: Some("es".parse().unwrap()), ..none() }, &[a.job]),
            (Filter { language: Some(Language::ENGLISH), ..none() }, &[c.job]),
            (Filter { model: Some("tiny".parse().unwrap()), ..none() }, &[b.job]),
            (Filter { lane: Some(Lane::Batch), ..none() }, &[a.job]),
            (Filter { lane: Some(Lane::Interactive), ..none() }, &[c.job, b.job]),
            (Filter { tags: tags(&["y"]), ..none() }, &[b.job, a.job]),
            (Filter { tags: tags(&["y", "x"]), ..none() }, &[a.job]),
            (Filter { tags: tags(&["x", "z"]), ..none() }, &[]),
            (Filter { tags: tags(&["Y"]), ..none() }, &[]),
            (Filter { min_audio_ms: Some(10_001), ..none() }, &[b.job]),
            (Filter { min_audio_ms: Some(0), ..none() }, &[b.job, a.job]),
            (Filter { max_audio_ms: Some(10_000), ..none() }, &[a.job]),
            (Filter { min_audio_ms: Some(u64::MAX), max_audio_ms: Some(u64::MAX), ..none() }, &[]),
            (Filter { tags: tags(&["y"]), states: vec![JobState::Failed], ..none() }, &[b.job]),
            (
                Filter { tags: tags(&["y"]), states: vec![JobState::Failed, JobState::Queued], ..none() },
                &[b.job, a.job],
            ),
            (Filter { lane: Some(Lane::Batch), model: Some("tiny".parse().unwrap()), ..none() }, &[]),
            (
                Filter {
                    language: Some("es".parse().unwrap()),
                    max_audio_ms: Some(90_000),
                    tags: tags(&["x"]),
                    ..none()
                },
                &[a.job],
            ),
        ];
        for (filter, expected) in cases {
            assert_eq!(ids(db, workspace, &filter).await, expected, "{filter:?}");
            let stranger = WorkspaceId::new();
            assert!(ids(db, stranger, &filter).await.is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn times_are_a_span_without_its_end() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let workspace = tenant(db, "acme").await.workspace;
        let mut jobs = Vec::new();
        for _ in 0..3 {
            let queued = queue(db, workspace, job_options()).await;
            label(db, &queued, &["x"]).await;
            jobs.push(queued.look(db).await);
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        let middle = jobs[1].created_at;
        for tags in [vec![], vec!["x".to_owned()]] {
            let since = Filter { created_after: Some(middle), tags, ..Filter::default() };
            assert_eq!(ids(db, workspace, &since).await, [jobs[2].id, jobs[1].id]);
            let until = Filter { created_after: None, created_before: Some(middle), ..since.clone() };
            assert_eq!(ids(db, workspace, &until).await, [jobs[0].id]);
            let within = Filter { created_before: Some(middle + TimeDelta::milliseconds(1)), ..since };
            assert_eq!(ids(db, workspace, &within).await, [jobs[1].id]);
        }
    })
    .await;
}

#[tokio::test]
async fn jobs_are_found_by_their_ids_in_their_own_workspace_alone() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let workspace = tenant(db, "acme").await.workspace;
        let stranger = tenant(db, "globex").await.workspace;
        let (own, other) = (queue(db, workspace, job_options()).await, queue(db, stranger, job_options()).await);
        let found = jobs::find_all(db, workspace, &[own.job, other.job, JobId::new()]).await.unwrap();
        assert_eq!(found.iter().map(|job| job.id).collect::<Vec<_>>(), [own.job]);
        assert!(jobs::find_all(db, workspace, &[]).await.unwrap().is_empty());
    })
    .await;
}
