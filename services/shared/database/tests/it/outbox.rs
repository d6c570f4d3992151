//! The outbox: its order, and that a message stands or falls with the change it tells of.

use escriba_database::{Database, outbox, workspaces};
use escriba_domain::OutboxId;
use escriba_events::{Headers, Message};
use escriba_test_support::PATIENCE;

use crate::engines::on_each_engine;

fn message(nth: u8) -> Message {
    Message {
        id: OutboxId::new(),
        subject: format!("events.job.test.{nth}"),
        headers: Headers::from([("ce-type".to_owned(), "tést".to_owned()), ("nth".to_owned(), nth.to_string())]),
        payload: vec![nth, 0, 0xFF],
    }
}

async fn append(db: &Database, messages: &[Message]) {
    let tx = db.begin().await.unwrap();
    for message in messages {
        outbox::append(&tx, message.clone()).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn waiting(db: &Database, limit: u64) -> Vec<Message> {
    outbox::oldest(db, limit).await.unwrap().into_iter().map(|pending| pending.message).collect()
}

#[tokio::test]
async fn messages_wait_in_the_order_they_were_written_until_each_is_deleted() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let messages: Vec<Message> = (0..10).map(message).collect();
        append(db, &messages[..6]).await;
        append(db, &messages[6..]).await;
        assert_eq!(outbox::count(db).await.unwrap(), 10);
        assert_eq!(waiting(db, 100).await, messages);
        assert_eq!(waiting(db, 4).await, messages[..4]);

        let oldest = outbox::oldest(db, 2).await.unwrap();
        outbox::delete(db, &[oldest[1].position]).await.unwrap();
        outbox::delete(db, &[oldest[1].position]).await.unwrap();
        let left: Vec<Message> = messages.iter().filter(|&m| *m != messages[1]).cloned().collect();
        assert_eq!(waiting(db, 100).await, left);
    })
    .await;
}

#[tokio::test]
async fn a_rolled_back_transaction_leaves_neither_its_change_nor_its_message() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let tx = db.begin().await.unwrap();
        workspaces::create(&tx, "acme").await.unwrap();
        outbox::append(&tx, message(1)).await.unwrap();
        drop(tx);
        let tx = db.begin().await.unwrap();
        assert!(workspaces::first(&tx).await.unwrap().is_none());
        drop(tx);
        assert_eq!(outbox::count(db).await.unwrap(), 0);

        let kept = message(2);
        append(db, std::slice::from_ref(&kept)).await;
        assert_eq!(waiting(db, 100).await, [kept]);
    })
    .await;
}

#[tokio::test]
async fn one_id_waits_at_most_once() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let message = message(1);
        append(db, std::slice::from_ref(&message)).await;
        let tx = db.begin().await.unwrap();
        assert!(outbox::append(&tx, message.clone()).await.is_err());
        drop(tx);
        assert_eq!(waiting(db, 100).await, [message]);
    })
    .await;
}

#[tokio::test]
async fn a_commit_wakes_whoever_waits_for_one_and_a_rollback_does_not() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let wakened = tokio::spawn({
            let db = db.clone();
            async move {
                db.committed().await;
                outbox::count(&db).await.unwrap()
            }
        });
        let tx = db.begin().await.unwrap();
        outbox::append(&tx, message(1)).await.unwrap();
        drop(tx);
        append(db, &[message(2)]).await;
        let seen = tokio::time::timeout(PATIENCE, wakened).await.unwrap().unwrap();
        assert_eq!(seen, 1, "it woke after the commit");
        // A commit that nobody waited for is not missed.
        append(db, &[message(3)]).await;
        tokio::time::timeout(PATIENCE, db.committed()).await.unwrap();
    })
    .await;
}
