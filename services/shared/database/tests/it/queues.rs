//! Whose turn it is, and what waits.

use std::time::Duration;

use escriba_database::{
    Database, chunks, jobs,
    queues::{self, QueueDepth, Rank, Turn},
};
use escriba_domain::{Lane, ModelName};
use escriba_test_support::{job_options, tenant};

use crate::{
    engines::on_each_engine,
    rows::{Queued, queue},
};

fn model() -> ModelName {
    "base".parse().unwrap()
}

/// Gives the next turn away, for so much work.
async fn take(db: &Database, work_ms: u64) -> Option<Turn> {
    let tx = db.begin().await.unwrap();
    let turn = queues::next(&tx, Lane::Interactive, &model()).await.unwrap();
    if let Some(turn) = turn {
        let chunk = chunks::lock(&tx, turn.chunk).await.unwrap().unwrap();
        chunks::claim(&tx, &chunk, 1, "worker", Duration::from_secs(30)).await.unwrap();
        queues::charge(&tx, turn.workspace, (Lane::Interactive, &model()), work_ms).await.unwrap();
    }
    tx.commit().await.unwrap();
    turn
}

async fn admit(db: &Database, queued: &Queued) {
    let tx = db.begin().await.unwrap();
    queues::admit(&tx, queued.workspace, Lane::Interactive, &model()).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn whoever_was_served_least_is_next_and_who_was_away_has_saved_nothing() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        assert_eq!(take(db, 1).await, None);
        let (early, late) = (tenant(db, "early").await.workspace, tenant(db, "late").await.workspace);
        let mut of_early = Vec::new();
        for _ in 0..5 {
            of_early.push(queue(db, early, job_options()).await);
        }
        admit(db, &of_early[0]).await;
        for expected in &of_early[..2] {
            assert_eq!(take(db, 60_000).await.unwrap().job, expected.job, "the oldest job first");
        }
        let of_late = [queue(db, late, job_options()).await, queue(db, late, job_options()).await];
        admit(db, &of_late[0]).await;
        let mut order = Vec::new();
        while let Some(turn) = take(db, 60_000).await {
            order.push(turn.workspace);
        }
        assert_eq!(order, [late, early, late, early, early], "turn by turn, and no more for having come late");
        let again = queue(db, late, job_options()).await;
        admit(db, &again).await;
        assert_eq!(take(db, 1).await.map(|turn| turn.chunk), Some(again.chunk), "who left comes back");
    })
    .await;
}

#[tokio::test]
async fn a_workspace_that_was_forgotten_is_found() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let workspace = tenant(db, "acme").await.workspace;
        let queued = queue(db, workspace, job_options()).await;
        assert_eq!(take(db, 1).await, None, "nobody admitted it");
        queues::admit_forgotten(db).await.unwrap();
        assert_eq!(queues::in_use(db).await.unwrap(), [(Lane::Interactive, model())]);
        let turn = take(db, 1).await.unwrap();
        assert_eq!(turn, Turn { workspace, job: queued.job, chunk: queued.chunk });
    })
    .await;
}

#[tokio::test]
async fn depths_and_ranks_count_what_waits() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let workspace = tenant(db, "acme").await.workspace;
        let first = queue(db, workspace, job_options()).await;
        let second = queue(db, workspace, job_options()).await;
        let part = chunks::NewPart {
            id: escriba_domain::ChunkId::new(),
            position: 1,
            start_ms: 0,
            end_ms: 130_000,
            work_ms: 120_000,
        };
        let job = first.look(db).await;
        let tx = db.begin().await.unwrap();
        chunks::insert_part(&tx, &job, part).await.unwrap();
        tx.commit().await.unwrap();
        admit(db, &first).await;
        take(db, 1).await.unwrap();

        let depth = QueueDepth {
            lane: Lane::Interactive,
            model: model(),
            workspace,
            weight: 1,
            waiting: 2,
            running: 1,
            known_ms: 120_000,
            unknown: 1,
        };
        assert_eq!(queues::depths(db).await.unwrap(), [depth]);
        let of_second = queues::rank(db, workspace, (Lane::Interactive, &model()), second.job).await.unwrap();
        assert_eq!(of_second, Rank { before: 1, known_ms: 120_000, unknown: 0 });
        let of_first = queues::rank(db, workspace, (Lane::Interactive, &model()), first.job).await.unwrap();
        assert_eq!(of_first, Rank { before: 0, known_ms: 0, unknown: 0 });
    })
    .await;
}

#[tokio::test]
async fn the_front_of_a_workspaces_queue_is_its_oldest_jobs_with_what_waits_of_them() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let (acme, globex) = (tenant(db, "acme").await.workspace, tenant(db, "globex").await.workspace);
        let mut of_acme = Vec::new();
        for _ in 0..3 {
            queue(db, globex, job_options()).await;
            of_acme.push(queue(db, acme, job_options()).await);
        }
        engine.insert_chunk(of_acme[0].job, 1).await;
        let tx = db.begin().await.unwrap();
        jobs::start(&tx, of_acme[0].job).await.unwrap();
        jobs::note_length(&tx, of_acme[1].job, 90_000).await.unwrap();
        tx.commit().await.unwrap();
        let front = async |limit| queues::front(db, acme, (Lane::Interactive, &model()), limit).await.unwrap();
        let seen: Vec<_> = front(10).await.iter().map(|job| (job.job, job.chunks, job.is_queued)).collect();
        assert_eq!(seen, [(of_acme[0].job, 2, false), (of_acme[1].job, 1, true), (of_acme[2].job, 1, true)]);
        assert_eq!(front(10).await[1].audio_ms, Some(90_000));
        assert_eq!(front(3).await.len(), 2, "three chunks are of two jobs");
        assert_eq!(queues::front(db, acme, (Lane::Batch, &model()), 10).await.unwrap(), []);
    })
    .await;
}
