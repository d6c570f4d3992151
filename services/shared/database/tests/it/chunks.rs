//! Chunks and their leases.

use std::time::Duration;

use escriba_database::chunks::{self, Chunk};
use escriba_domain::{ChunkId, ChunkKind, ChunkState, Lane};
use escriba_test_support::{eventually, job_options};

use crate::{
    engines::on_each_engine,
    rows::{queue, queued_job},
};

const LEASE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_chunk_lives_through_claim_renewal_advance_and_requeue() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let queued = queued_job(db).await;
        let fresh = queued.look_at_chunk(db).await;
        let expected = Chunk {
            id: queued.chunk,
            job: queued.job,
            workspace: queued.workspace,
            lane: Lane::Interactive,
            model: "base".parse().unwrap(),
            kind: ChunkKind::Whole,
            position: 0,
            start_ms: 0,
            end_ms: None,
            work_ms: 0,
            ready_at: None,
            state: ChunkState::Queued,
            ring: 1,
            attempt: 0,
            lease: 0,
            lease_expires_at: None,
            through_ms: 0,
            segment_count: 0,
            part_count: 0,
        };
        assert_eq!(fresh, expected);

        let tx = db.begin().await.unwrap();
        let lease = chunks::claim(&tx, &fresh, fresh.attempt + 1, "worker-1", LEASE).await.unwrap();
        let until = tx.now() + LEASE;
        tx.commit().await.unwrap();
        let claimed = queued.look_at_chunk(db).await;
        assert_eq!(lease, 1);
        let running =
            Chunk { state: ChunkState::Running, attempt: 1, lease, lease_expires_at: Some(until), ..fresh.clone() };
        assert_eq!(claimed, running);

        let tx = db.begin().await.unwrap();
        chunks::advance(&tx, queued.chunk, 61_500, 12).await.unwrap();
        chunks::renew(&tx, queued.chunk, 2 * LEASE).await.unwrap();
        let until = tx.now() + 2 * LEASE;
        tx.commit().await.unwrap();
        let advanced = queued.look_at_chunk(db).await;
        let expected =
            Chunk { through_ms: 61_500, segment_count: 12, lease_expires_at: Some(until), ..claimed.clone() };
        assert_eq!(advanced, expected);

        let tx = db.begin().await.unwrap();
        chunks::requeue(&tx, &advanced, 1).await.unwrap();
        tx.commit().await.unwrap();
        let requeued = queued.look_at_chunk(db).await;
        let expected = Chunk { state: ChunkState::Queued, ring: 2, lease_expires_at: None, ..advanced.clone() };
        assert_eq!(requeued, expected, "the next attempt resumes where this one stood");

        let tx = db.begin().await.unwrap();
        assert_eq!(chunks::claim(&tx, &requeued, requeued.attempt + 1, "worker-2", LEASE).await.unwrap(), 2);
        chunks::end(&tx, queued.chunk, ChunkState::Completed).await.unwrap();
        tx.commit().await.unwrap();
        let ended = queued.look_at_chunk(db).await;
        assert_eq!((ended.state, ended.lease_expires_at, ended.attempt), (ChunkState::Completed, None, 2));
    })
    .await;
}

#[tokio::test]
async fn a_claim_that_is_rolled_back_was_none() {
    on_each_engine(async |engine| {
        let queued = queued_job(&engine.db).await;
        let fresh = queued.look_at_chunk(&engine.db).await;
        let tx = engine.db.begin().await.unwrap();
        chunks::claim(&tx, &fresh, fresh.attempt + 1, "worker-1", LEASE).await.unwrap();
        drop(tx);
        assert_eq!(queued.look_at_chunk(&engine.db).await, fresh);
    })
    .await;
}

#[tokio::test]
async fn only_leases_that_ran_out_are_expired_and_the_oldest_come_first() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let (first, second, living, waiting) =
            (queued_job(db).await, queued_job(db).await, queued_job(db).await, queued_job(db).await);
        for (queued, lease) in [(&second, Duration::from_millis(1)), (&first, Duration::ZERO), (&living, LEASE)] {
            let chunk = queued.look_at_chunk(db).await;
            let tx = db.begin().await.unwrap();
            chunks::claim(&tx, &chunk, chunk.attempt + 1, "worker-1", lease).await.unwrap();
            tx.commit().await.unwrap();
        }
        // Each was claimed at a time of its own, so the order is read from the rows.
        let mut expected = [first.look_at_chunk(db).await, second.look_at_chunk(db).await];
        expected.sort_by_key(|chunk| (chunk.lease_expires_at, chunk.id));
        let expired = eventually("both leases run out", async || {
            let found = chunks::expired(db, 10).await.unwrap();
            (found.len() == 2).then_some(found)
        })
        .await;
        assert_eq!(expired, expected);
        assert_eq!(chunks::expired(db, 1).await.unwrap(), expected[..1]);
        assert_eq!(waiting.look_at_chunk(db).await.state, ChunkState::Queued);
    })
    .await;
}

#[tokio::test]
async fn unfinished_chunks_end_with_their_job_and_finished_ones_stay() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let queued = queued_job(db).await;
        let other = queue(db, queued.workspace, job_options()).await;
        let (second, third) = (engine.insert_chunk(queued.job, 1).await, engine.insert_chunk(queued.job, 2).await);

        let tx = db.begin().await.unwrap();
        let chunk = chunks::lock(&tx, second).await.unwrap().unwrap();
        chunks::claim(&tx, &chunk, chunk.attempt + 1, "worker-1", LEASE).await.unwrap();
        chunks::end(&tx, queued.chunk, ChunkState::Completed).await.unwrap();
        chunks::advance(&tx, queued.chunk, 10_000, 4).await.unwrap();
        chunks::advance(&tx, second, 20_000, 3).await.unwrap();
        assert_eq!(chunks::count_unfinished(&tx, queued.job).await.unwrap(), 2);
        assert_eq!(chunks::count_segments(&tx, queued.job).await.unwrap(), 7);
        chunks::end_unfinished(&tx, queued.job, ChunkState::Canceled).await.unwrap();
        tx.commit().await.unwrap();

        let tx = db.begin().await.unwrap();
        let state = async |id: ChunkId| chunks::lock(&tx, id).await.unwrap().unwrap().state;
        assert_eq!(state(queued.chunk).await, ChunkState::Completed);
        assert_eq!(state(second).await, ChunkState::Canceled);
        assert_eq!(state(third).await, ChunkState::Canceled);
        assert_eq!(state(other.chunk).await, ChunkState::Queued);
        assert!(chunks::lock(&tx, ChunkId::new()).await.unwrap().is_none());
    })
    .await;
}
