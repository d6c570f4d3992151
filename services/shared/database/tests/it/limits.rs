//! What a workspace's terms give it.

use chrono::Duration;
use escriba_database::{
    Database, api_keys, jobs,
    limits::{self, Limits},
};
use escriba_domain::WorkspaceId;
use escriba_test_support::{job_options, tenant};

use crate::{engines::on_each_engine, rows::queue};

const SOME: Limits = Limits {
    max_upload_bytes: Some(5 << 32),
    max_audio_ms: Some(3_600_000),
    max_unfinished_jobs: Some(2),
    requests_per_minute: Some(600),
};

async fn set(db: &Database, workspace: WorkspaceId, limits: &Limits) {
    let tx = db.begin().await.unwrap();
    limits::set(&tx, workspace, limits).await.unwrap();
    tx.commit().await.unwrap();
}

async fn both(db: &Database, workspace: WorkspaceId) -> Limits {
    let found = limits::find(db, workspace).await.unwrap();
    let tx = db.begin().await.unwrap();
    assert_eq!(limits::lock(&tx, workspace).await.unwrap(), found);
    found
}

#[tokio::test]
async fn limits_are_a_workspaces_own_and_can_be_replaced() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let (acme, globex) = (tenant(db, "acme").await, tenant(db, "globex").await);
        assert_eq!(both(db, acme.workspace).await, Limits::default());
        set(db, acme.workspace, &SOME).await;
        assert_eq!(both(db, acme.workspace).await, SOME);
        assert_eq!(both(db, globex.workspace).await, Limits::default());
        let less = Limits { max_audio_ms: None, requests_per_minute: Some(0), ..SOME };
        set(db, acme.workspace, &less).await;
        assert_eq!(both(db, acme.workspace).await, less);
        assert_eq!(engine.rows_of("licences").await, 1);
    })
    .await;
}

#[tokio::test]
async fn terms_that_have_ended_limit_nothing() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let acme = tenant(db, "acme").await;
        set(db, acme.workspace, &SOME).await;
        engine.execute("UPDATE api_keys SET secret_hash = $1", vec![vec![3_u8; 32].into()]).await;
        let requests = async || api_keys::find_valid(db, [3; 32]).await.unwrap().unwrap().requests_per_minute;
        let now = db.now().await.unwrap();
        let sql = "UPDATE licences SET valid_until = $1";
        engine.execute(sql, vec![(now + Duration::minutes(5)).into()]).await;
        assert_eq!((both(db, acme.workspace).await, requests().await), (SOME, Some(600)));
        engine.execute(sql, vec![(now - Duration::milliseconds(1)).into()]).await;
        assert_eq!((both(db, acme.workspace).await, requests().await), (Limits::default(), None));
    })
    .await;
}

#[tokio::test]
async fn jobs_count_as_unfinished_until_they_end() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let (acme, globex) = (tenant(db, "acme").await.workspace, tenant(db, "globex").await.workspace);
        queue(db, globex, job_options()).await;
        let one = queue(db, acme, job_options()).await;
        queue(db, acme, job_options()).await;
        assert_eq!(jobs::count_unfinished(db, acme).await.unwrap(), 2);
        let tx = db.begin().await.unwrap();
        jobs::start(&tx, one.job).await.unwrap();
        assert_eq!(jobs::count_unfinished_in(&tx, acme).await.unwrap(), 2);
        let job = jobs::lock(&tx, one.job).await.unwrap().unwrap();
        jobs::finish(&tx, &job, &jobs::Ending::Canceled).await.unwrap();
        assert_eq!(jobs::count_unfinished_in(&tx, acme).await.unwrap(), 1);
    })
    .await;
}
