//! Leases: one holder at a time, by the database's clock.

use std::time::Duration;

use escriba_database::{Database, leases};
use escriba_test_support::eventually;

use crate::engines::on_each_engine;

const LONG: Duration = Duration::from_mins(10);

#[tokio::test]
async fn a_lease_has_one_holder_who_may_renew_it_and_give_it_back() {
    on_each_engine(async |engine| {
        let (ours, theirs) = (&engine.db, &Database::connect(&engine.url).await.unwrap());
        assert!(leases::acquire(ours, "relay", "a", LONG).await.unwrap());
        assert!(!leases::acquire(theirs, "relay", "b", LONG).await.unwrap());
        assert!(leases::acquire(theirs, "sweep", "b", LONG).await.unwrap(), "another name is another lease");
        assert!(leases::acquire(ours, "relay", "a", LONG).await.unwrap());

        leases::release(theirs, "relay", "b").await.unwrap();
        assert!(!leases::acquire(theirs, "relay", "b", LONG).await.unwrap(), "only its holder gives it back");
        leases::release(ours, "relay", "a").await.unwrap();
        assert!(leases::acquire(theirs, "relay", "b", LONG).await.unwrap());
        assert!(!leases::acquire(ours, "relay", "a", LONG).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_lease_that_is_not_renewed_passes_to_another() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        assert!(leases::acquire(db, "relay", "a", Duration::from_millis(200)).await.unwrap());
        eventually("the lease runs out", async || leases::acquire(db, "relay", "b", LONG).await.unwrap().then_some(()))
            .await;
        assert!(!leases::acquire(db, "relay", "a", LONG).await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_ask_at_once_one_gets_it() {
    on_each_engine(async |engine| {
        for round in 0..5 {
            let name = format!("round-{round}");
            let asking = (0..6).map(|nth| {
                let (url, name) = (engine.url.clone(), name.clone());
                tokio::spawn(async move {
                    let db = Database::connect(&url).await.unwrap();
                    leases::acquire(&db, &name, &nth.to_string(), LONG).await.unwrap()
                })
            });
            let mut winners = 0;
            for asked in asking.collect::<Vec<_>>() {
                winners += usize::from(asked.await.unwrap());
            }
            assert_eq!(winners, 1);
        }
    })
    .await;
}
