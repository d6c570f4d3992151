//! Keys of requests: one attempt at a time, one answer for a day, by the database's clock.

use std::time::Duration;

use escriba_database::{
    Database,
    idempotency::{self, Attempt, Kept, Reserved},
};
use escriba_domain::WorkspaceId;
use escriba_test_support::{eventually, tenant};
use sea_orm::prelude::Uuid;

use crate::engines::on_each_engine;

const LONG: Duration = Duration::from_mins(10);
const MOMENT: Duration = Duration::from_millis(200);

fn attempt(workspace: WorkspaceId, key: &str) -> Attempt {
    Attempt { workspace, key: key.to_owned(), holder: Uuid::now_v7() }
}

fn kept() -> Kept {
    Kept { fingerprint: [7; 32], status: 202, location: Some("/v1/jobs/1".to_owned()), body: "{\"año\":1}".to_owned() }
}

async fn keep(db: &Database, attempt: &Attempt, time: Duration) -> bool {
    let tx = db.begin().await.unwrap();
    let is_kept = idempotency::keep(&tx, attempt, &kept(), time).await.unwrap();
    if is_kept {
        tx.commit().await.unwrap();
    }
    is_kept
}

#[tokio::test]
async fn one_attempt_at_a_time_holds_a_key_and_its_answer_is_the_last_word() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let workspace = tenant(db, "acme").await.workspace;
        let (first, second) = (attempt(workspace, "k"), attempt(workspace, "k"));
        assert_eq!(idempotency::reserve(db, &first, LONG).await.unwrap(), Reserved::Taken);
        assert_eq!(idempotency::reserve(db, &second, LONG).await.unwrap(), Reserved::InProgress);
        let stranger = tenant(db, "globex").await.workspace;
        for other in [attempt(workspace, "K"), attempt(stranger, "k")] {
            assert_eq!(idempotency::reserve(db, &other, LONG).await.unwrap(), Reserved::Taken);
        }
        assert!(!keep(db, &second, LONG).await, "it does not hold the key");
        assert!(keep(db, &first, LONG).await);
        assert!(!keep(db, &first, LONG).await, "it is answered");
        idempotency::renew(db, &first, Duration::ZERO).await.unwrap();
        idempotency::release(db, &first).await.unwrap();
        assert_eq!(idempotency::reserve(db, &second, LONG).await.unwrap(), Reserved::Answered(kept()));
    })
    .await;
}

#[tokio::test]
async fn a_key_is_free_again_after_a_failed_attempt_and_after_one_that_fell_silent() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let workspace = tenant(db, "acme").await.workspace;
        let [failed, silent, next] = [(); 3].map(|()| attempt(workspace, "k"));
        assert_eq!(idempotency::reserve(db, &failed, LONG).await.unwrap(), Reserved::Taken);
        idempotency::release(db, &next).await.unwrap();
        assert_eq!(idempotency::reserve(db, &silent, LONG).await.unwrap(), Reserved::InProgress);
        idempotency::release(db, &failed).await.unwrap();
        assert_eq!(idempotency::reserve(db, &silent, MOMENT).await.unwrap(), Reserved::Taken);
        eventually("the silent one's time is over", async || {
            (idempotency::reserve(db, &next, LONG).await.unwrap() == Reserved::Taken).then_some(())
        })
        .await;
        assert!(!keep(db, &silent, LONG).await, "another has taken over");
        assert!(keep(db, &next, LONG).await);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_committed_is_not_kept() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let first = attempt(tenant(db, "acme").await.workspace, "k");
        assert_eq!(idempotency::reserve(db, &first, LONG).await.unwrap(), Reserved::Taken);
        let tx = db.begin().await.unwrap();
        assert!(idempotency::keep(&tx, &first, &kept(), LONG).await.unwrap());
        drop(tx);
        eventually("the transaction is undone", async || keep(db, &first, LONG).await.then_some(())).await;
    })
    .await;
}

#[tokio::test]
async fn keys_are_forgotten_when_their_time_is_over() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let workspace = tenant(db, "acme").await.workspace;
        let [short, long] = ["short", "long"].map(|key| attempt(workspace, key));
        for (attempt, time) in [(&short, Duration::ZERO), (&long, LONG)] {
            assert_eq!(idempotency::reserve(db, attempt, LONG).await.unwrap(), Reserved::Taken);
            assert!(keep(db, attempt, time).await);
        }
        assert_eq!(idempotency::forget_expired(db).await.unwrap(), 1);
        assert_eq!(engine.rows_of("idempotency_keys").await, 1);
        assert_eq!(idempotency::reserve(db, &long, LONG).await.unwrap(), Reserved::Answered(kept()));
    })
    .await;
}

/// As several gateways do it, each with connections of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_attempts_at_once_one_gets_the_key() {
    on_each_engine(async |engine| {
        let workspace = tenant(&engine.db, "acme").await.workspace;
        for round in 0..5 {
            let attempts = (0..6).map(|_| {
                let (url, attempt) = (engine.url.clone(), attempt(workspace, &round.to_string()));
                tokio::spawn(async move {
                    let db = Database::connect(&url).await.unwrap();
                    match idempotency::reserve(&db, &attempt, LONG).await.unwrap() {
                        Reserved::Taken => u32::from(keep(&db, &attempt, LONG).await),
                        Reserved::InProgress | Reserved::Answered(_) => 0,
                    }
                })
            });
            let mut winners = 0;
            for attempt in attempts.collect::<Vec<_>>() {
                winners += attempt.await.unwrap();
            }
            assert_eq!(winners, 1);
        }
    })
    .await;
}
