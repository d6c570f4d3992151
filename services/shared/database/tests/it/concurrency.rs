//! Writers side by side: they wait for each other, and nobody's change is lost.

use std::time::Duration;

use escriba_database::{Database, DatabaseError, chunks, jobs, outbox};
use escriba_domain::{ChunkId, JobId, OutboxId};
use escriba_events::{Headers, Message};
use tokio::task::JoinSet;

use crate::{engines::on_each_engine, rows::queued_job};

const WRITERS: u64 = 8;
const ROUNDS: u64 = 5;

async fn read_then_write(db: &Database, job: JobId, chunk: ChunkId) -> Result<Vec<u64>, DatabaseError> {
    let mut leases = Vec::new();
    for _ in 0..ROUNDS {
        let tx = db.begin().await?;
        jobs::lock(&tx, job).await?.expect("the job is there");
        let seen = chunks::lock(&tx, chunk).await?.expect("the chunk is there");
        tokio::task::yield_now().await;
        leases.push(chunks::claim(&tx, &seen, seen.attempt + 1, "worker", Duration::from_secs(30)).await?);
        jobs::add_processing(&tx, job, 1).await?;
        let message = Message {
            id: OutboxId::new(),
            job,
            subject: "events.job.test".to_owned(),
            headers: Headers::new(),
            payload: vec![],
        };
        outbox::append(&tx, message).await?;
        tx.commit().await?;
    }
    Ok(leases)
}

/// On SQLite a transaction that began by reading would fail with "database is locked"; on PostgreSQL an unlocked read
/// would let two writers give out the same lease.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_wait_for_each_other_and_no_lease_is_given_twice() {
    on_each_engine(async |engine| {
        let queued = queued_job(&engine.db).await;
        let another_process = Database::connect(&engine.url).await.unwrap();
        let mut writers = JoinSet::new();
        for nth in 0..WRITERS {
            let db = if nth % 2 == 0 { engine.db.clone() } else { another_process.clone() };
            let (job, chunk) = (queued.job, queued.chunk);
            writers.spawn(async move { read_then_write(&db, job, chunk).await });
        }
        let mut leases: Vec<u64> = Vec::new();
        for done in writers.join_all().await {
            leases.extend(done.unwrap());
        }
        leases.sort_unstable();
        assert_eq!(leases, (1..=WRITERS * ROUNDS).collect::<Vec<_>>());
        assert_eq!(queued.look(&engine.db).await.processing_ms, WRITERS * ROUNDS);
        assert_eq!(outbox::count(&engine.db).await.unwrap(), WRITERS * ROUNDS);
    })
    .await;
}

#[tokio::test]
async fn readers_do_not_wait_for_a_writer() {
    on_each_engine(async |engine| {
        let queued = queued_job(&engine.db).await;
        let tx = engine.db.begin().await.unwrap();
        jobs::lock(&tx, queued.job).await.unwrap();
        jobs::start(&tx, queued.job).await.unwrap();
        let seen = queued.look(&engine.db).await;
        assert_eq!(seen.state, escriba_domain::JobState::Queued, "uncommitted changes are not seen");
        tx.commit().await.unwrap();
        assert_eq!(queued.look(&engine.db).await.state, escriba_domain::JobState::Running);
    })
    .await;
}
