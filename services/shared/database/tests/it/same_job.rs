//! The same job asked for twice is found again, and of many that ask at once one is told that there is none.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use escriba_database::{
    Database,
    jobs::{self, Ending, Failure},
};
use escriba_domain::{JobId, Labels, WorkspaceId};
use escriba_test_support::{job_options, tenant};
use tokio::task::JoinSet;

use crate::{
    engines::on_each_engine,
    rows::{Queued, queue, queued_job},
};

const FINGERPRINT: [u8; 32] = [0x5E; 32];
const ASKERS: usize = 8;

async fn marked_job(db: &Database, workspace: WorkspaceId, fingerprint: &[u8; 32]) -> Queued {
    let queued = queue(db, workspace, job_options()).await;
    let tx = db.begin().await.unwrap();
    jobs::note_fingerprint(&tx, queued.job, fingerprint).await.unwrap();
    tx.commit().await.unwrap();
    queued
}

async fn end(db: &Database, queued: &Queued, ending: &Ending) {
    let job = queued.look(db).await;
    let tx = db.begin().await.unwrap();
    jobs::finish(&tx, &job, ending).await.unwrap();
    tx.commit().await.unwrap();
}

/// Found by somebody who asks again for what was completed in the last so many minutes.
async fn find(db: &Database, workspace: WorkspaceId, minutes: Option<i64>) -> Option<JobId> {
    let tx = db.begin().await.unwrap();
    let since = minutes.map(|minutes| tx.now() - TimeDelta::minutes(minutes));
    jobs::find_same(&tx, workspace, &FINGERPRINT, since).await.unwrap()
}

#[tokio::test]
async fn the_same_job_is_found_while_it_is_not_over_and_for_a_while_after_that() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let workspace = tenant(db, "acme").await.workspace;
        assert_eq!(find(db, workspace, Some(60)).await, None);
        queue(db, workspace, job_options()).await;
        marked_job(db, workspace, &[0x5F; 32]).await;
        assert_eq!(find(db, workspace, Some(60)).await, None, "others are not the same");

        let queued = marked_job(db, workspace, &FINGERPRINT).await;
        assert_eq!(find(db, workspace, None).await, Some(queued.job));
        let tx = db.begin().await.unwrap();
        jobs::start(&tx, queued.job).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(find(db, workspace, None).await, Some(queued.job));

        end(db, &queued, &Ending::Completed).await;
        assert_eq!(find(db, workspace, None).await, None, "whoever asks for the first time gets a job of their own");
        assert_eq!(find(db, workspace, Some(60)).await, Some(queued.job));
        assert_eq!(find(db, workspace, Some(-1)).await, None, "it was completed before that");
        let stranger = queued_job(db).await.workspace;
        assert_eq!(find(db, stranger, Some(60)).await, None);
    })
    .await;
}

#[tokio::test]
async fn a_job_that_came_to_no_good_end_is_not_found() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let workspace = tenant(db, "acme").await.workspace;
        let failed = Failure { code: "media_no_audio".to_owned(), message: "No sound.".to_owned() };
        for ending in [Ending::Failed(failed), Ending::Canceled] {
            let queued = marked_job(db, workspace, &FINGERPRINT).await;
            end(db, &queued, &ending).await;
            assert_eq!(find(db, workspace, Some(60)).await, None, "{ending:?}");
        }
    })
    .await;
}

async fn find_or_add(db: &Database, workspace: WorkspaceId) -> JobId {
    let tx = db.begin().await.unwrap();
    if let Some(found) = jobs::find_same(&tx, workspace, &FINGERPRINT, None).await.unwrap() {
        return found;
    }
    tokio::task::yield_now().await;
    let recording = crate::rows::media_of(workspace);
    escriba_database::media::insert(&tx, &recording).await.unwrap();
    let trace = crate::rows::trace();
    let new = jobs::NewJob {
        id: JobId::new(),
        workspace,
        media: recording.id,
        options: job_options(),
        labels: Labels::default(),
        redo: None,
        trace,
    };
    jobs::insert(&tx, &new).await.unwrap();
    jobs::note_fingerprint(&tx, new.id, &FINGERPRINT).await.unwrap();
    tx.commit().await.unwrap();
    new.id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_ask_at_once_one_adds_the_job_and_the_others_find_it() {
    on_each_engine(async |engine| {
        let workspace = tenant(&engine.db, "acme").await.workspace;
        let another_gateway = Database::connect(&engine.url).await.unwrap();
        let mut askers = JoinSet::new();
        for nth in 0..ASKERS {
            let db = if nth % 2 == 0 { engine.db.clone() } else { another_gateway.clone() };
            askers.spawn(async move { find_or_add(&db, workspace).await });
        }
        let found: BTreeSet<_> = askers.join_all().await.iter().map(ToString::to_string).collect();
        assert_eq!((found.len(), engine.rows_of("jobs").await), (1, 1));
    })
    .await;
}
