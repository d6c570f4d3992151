//! Workspaces share a queue by weight, and lost bells ring again.

use std::collections::HashMap;

use escriba_database::{chunks, jobs, media, queues};
use escriba_domain::{JobId, Labels, MediaId, WorkspaceId};
use escriba_events::WorkItem;
use escriba_test_support::{job_options, tenant};

use crate::{
    stack::{Gateway, on_each_engine},
    worker::{Worker, done},
};

/// Queues a job of a workspace without ringing for it.
async fn queue(gateway: &Gateway, workspace: WorkspaceId) -> JobId {
    let recording = media::Media {
        id: MediaId::new(),
        workspace,
        file_name: "a.wav".to_owned(),
        content_type: None,
        size_bytes: 1,
        sha256: [0; 32],
    };
    let job = jobs::NewJob {
        id: JobId::new(),
        workspace,
        media: recording.id,
        options: job_options(),
        labels: Labels::default(),
        redo: None,
        trace: std::collections::BTreeMap::new(),
    };
    let tx = gateway.db.begin().await.unwrap();
    media::insert(&tx, &recording).await.unwrap();
    jobs::insert(&tx, &job).await.unwrap();
    chunks::insert_whole(&tx, &job).await.unwrap();
    queues::admit(&tx, workspace, job.options.lane, &job.options.model).await.unwrap();
    tx.commit().await.unwrap();
    job.id
}

/// Any bell will do.
async fn serve(gateway: &Gateway, bell: &WorkItem) -> JobId {
    let mut worker = Worker::claim(gateway, bell).await;
    worker.commit(done(1_000)).await;
    worker.proceed.job_id.parse().unwrap()
}

#[tokio::test]
async fn a_newcomer_waits_for_no_queue_of_anothers() {
    on_each_engine(async |gateway| {
        gateway.pause_doorbells().await;
        let bell = gateway.submit_silently().await;
        for _ in 0..20 {
            queue(gateway, gateway.workspace).await;
        }
        serve(gateway, &bell).await;
        serve(gateway, &bell).await;
        let newcomer = tenant(&gateway.db, "newcomer").await.workspace;
        let (first, second) = (queue(gateway, newcomer).await, queue(gateway, newcomer).await);
        assert_eq!(serve(gateway, &bell).await, first, "its first file is next");
        let mut served = HashMap::new();
        for turn in 0..2 {
            served.insert(serve(gateway, &bell).await, turn);
        }
        assert!(served.contains_key(&second), "then they take turns");
        for _ in 0..18 {
            serve(gateway, &bell).await;
        }
        gateway.resume_doorbells().await;
    })
    .await;
}

#[tokio::test]
async fn turns_are_shared_by_weight() {
    on_each_engine(async |gateway| {
        gateway.pause_doorbells().await;
        let bell = gateway.submit_silently().await;
        serve(gateway, &bell).await;
        let heavy = tenant(&gateway.db, "heavy").await.workspace;
        let tx = gateway.db.begin().await.unwrap();
        escriba_database::workspaces::set_weight(&tx, heavy, 3).await.unwrap();
        tx.commit().await.unwrap();
        let mut of_heavy = Vec::new();
        for _ in 0..12 {
            of_heavy.push(queue(gateway, heavy).await);
            queue(gateway, gateway.workspace).await;
        }
        let mut turns = 0;
        for _ in 0..12 {
            turns += usize::from(of_heavy.contains(&serve(gateway, &bell).await));
        }
        assert!((8..=10).contains(&turns), "three of four turns, not {turns} of 12");
        for _ in 0..12 {
            serve(gateway, &bell).await;
        }
        gateway.resume_doorbells().await;
    })
    .await;
}

#[tokio::test]
async fn chunks_whose_bells_were_lost_are_rung_for_again() {
    on_each_engine(async |gateway| {
        let job = queue(gateway, gateway.workspace).await;
        let bell = gateway.doorbell().await;
        assert_eq!(bell.job_id, job);
        serve(gateway, &bell).await;
    })
    .await;
}
