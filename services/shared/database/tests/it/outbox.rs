//! The outbox: its order, and that a message stands or falls with the change it tells of.

use escriba_database::{Database, outbox, workspaces};
use escriba_domain::{JobId, OutboxId};
use escriba_events::{Headers, Message};
use escriba_test_support::PATIENCE;

use crate::engines::on_each_engine;

fn message(nth: u8) -> Message {
    Message {
        id: OutboxId::new(),
        job: JobId::new(),
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

async fn oldest(db: &Database, limit: u64) -> Vec<outbox::Pending> {
    outbox::page(db, "", (0, i64::MAX), limit).await.unwrap()
}

async fn waiting(db: &Database, limit: u64) -> Vec<Message> {
    oldest(db, limit).await.into_iter().map(|pending| pending.message).collect()
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

        let oldest = oldest(db, 2).await;
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

#[tokio::test]
async fn one_streams_messages_are_read_page_by_page_up_to_a_place() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let none = outbox::Waiting { messages: 0, last: 0 };
        assert_eq!(outbox::waiting(db, "work.").await.unwrap(), none);
        let work = |nth| Message { subject: format!("work.batch.base.{nth}"), ..message(nth) };
        let all: Vec<Message> = (0..12).map(|nth| if nth % 3 == 0 { message(nth) } else { work(nth) }).collect();
        append(db, &all).await;
        let waiting = outbox::waiting(db, "work.").await.unwrap();
        assert_eq!(waiting.messages, 8);
        assert_eq!(outbox::waiting(db, "events.").await.unwrap().messages, 4);
        append(db, &[work(12)]).await;

        let mut seen = Vec::new();
        let mut after = 0;
        loop {
            let page = outbox::page(db, "work.", (after, waiting.last), 3).await.unwrap();
            let Some(last) = page.last() else { break };
            after = last.position;
            seen.extend(page.into_iter().map(|pending| pending.message));
        }
        let expected: Vec<Message> = all.into_iter().filter(|message| message.subject.starts_with("work.")).collect();
        assert_eq!(seen, expected, "what came later is not of these pages");
    })
    .await;
}

#[tokio::test]
async fn the_job_of_a_message_that_an_older_gateway_wrote_is_read_from_its_subject() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let job = JobId::new();
        let written = Message { job, subject: format!("events.job.queued.acme.{job}"), ..message(1) };
        append(db, &[written.clone(), message(2)]).await;
        assert_eq!(engine.execute("UPDATE outbox SET job_id = NULL", vec![]).await, 2);
        let read = waiting(db, 2).await;
        assert_eq!(read[0], written);
        assert_ne!(read[1].job, job, "a subject without a job stops nothing");
    })
    .await;
}
