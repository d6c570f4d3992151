//! Who may come in, and what a reader may not do.

use escriba_database::{
    Database,
    api_keys::{self, Caller, NewKey},
    workspaces,
};
use escriba_domain::{Scopes, WorkspaceId};
use escriba_test_support::tenant;

use crate::{
    engines::{Engine, on_each_engine},
    rows::queued_job,
};

const HASH: [u8; 32] = [9; 32];

async fn create_key(db: &Database, hash: [u8; 32]) -> Caller {
    let tx = db.begin().await.unwrap();
    let workspace = workspaces::create(&tx, "acme").await.unwrap();
    let key = api_keys::create(&tx, &new_key(workspace, hash)).await.unwrap();
    tx.commit().await.unwrap();
    Caller { key, workspace, scopes: Scopes::ALL, requests_per_minute: None }
}

const fn new_key(workspace: WorkspaceId, secret_hash: [u8; 32]) -> NewKey<'static> {
    NewKey { workspace, name: "laptop", prefix: "esc_12345678", secret_hash, scopes: Scopes::ALL, expires_at: None }
}

#[tokio::test]
async fn a_key_is_found_by_its_hash_and_by_nothing_else() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let caller = create_key(db, HASH).await;
        let other = create_key(db, [8; 32]).await;
        assert_eq!(api_keys::find_valid(db, HASH).await.unwrap(), Some(caller));
        assert_eq!(api_keys::find_valid(db, [8; 32]).await.unwrap(), Some(other));
        assert_eq!(api_keys::find_valid(db, [7; 32]).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn two_keys_cannot_have_one_hash() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let caller = create_key(db, HASH).await;
        let tx = db.begin().await.unwrap();
        assert!(api_keys::create(&tx, &new_key(caller.workspace, HASH)).await.is_err());
        drop(tx);
        assert_eq!(api_keys::find_valid(db, HASH).await.unwrap(), Some(caller));
    })
    .await;
}

async fn set(engine: &Engine, column: &str, at: chrono::DateTime<chrono::Utc>) {
    let changed = engine.execute(&format!("UPDATE api_keys SET {column} = $1"), vec![at.into()]).await;
    assert_eq!(changed, 1);
}

#[tokio::test]
async fn a_key_ends_when_it_expires_and_not_before() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let caller = create_key(db, HASH).await;
        let now = db.now().await.unwrap();
        set(engine, "expires_at", now + chrono::Duration::minutes(5)).await;
        assert_eq!(api_keys::find_valid(db, HASH).await.unwrap(), Some(caller));
        set(engine, "expires_at", now - chrono::Duration::milliseconds(1)).await;
        assert_eq!(api_keys::find_valid(db, HASH).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_even_before_it_expires() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        create_key(db, HASH).await;
        let now = db.now().await.unwrap();
        set(engine, "expires_at", now + chrono::Duration::minutes(5)).await;
        set(engine, "revoked_at", now).await;
        assert_eq!(api_keys::find_valid(db, HASH).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn the_first_workspace_is_the_oldest() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let tx = db.begin().await.unwrap();
        assert_eq!(workspaces::first(&tx).await.unwrap(), None::<WorkspaceId>);
        drop(tx);
        let oldest = tenant(db, "acme").await.workspace;
        tenant(db, "globex").await;
        let tx = db.begin().await.unwrap();
        assert_eq!(workspaces::first(&tx).await.unwrap(), Some(oldest));
    })
    .await;
}

#[tokio::test]
async fn a_read_only_connection_reads_and_refuses_to_write() {
    on_each_engine(async |engine| {
        let queued = queued_job(&engine.db).await;
        let reader = Database::connect_read_only(&engine.url).await.unwrap();
        reader.ping().await.unwrap();
        assert_eq!(queued.look(&reader).await.id, queued.job);

        let refused = match reader.begin().await {
            Ok(tx) => workspaces::create(&tx, "intruder").await.map(|_| ()),
            Err(error) => Err(error),
        };
        assert!(refused.is_err());
        assert_eq!(engine.rows_of("workspaces").await, 1);
        // The refusal leaves the pool usable, and sees what others write.
        let later = queued_job(&engine.db).await;
        assert_eq!(later.look(&reader).await.id, later.job);
    })
    .await;
}
