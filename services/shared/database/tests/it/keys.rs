//! A workspace's keys: what they may be used for, their end, and when they were last used.

use chrono::Duration;
use escriba_database::{
    Database,
    api_keys::{self, ApiKey, NewKey},
};
use escriba_domain::{ApiKeyId, Scope, Scopes, WorkspaceId};
use escriba_test_support::tenant;

use crate::engines::on_each_engine;

async fn make(db: &Database, workspace: WorkspaceId, (name, nth): (&str, u8), scopes: &[Scope]) -> ApiKeyId {
    let scopes: Scopes = scopes.iter().copied().collect();
    let tx = db.begin().await.unwrap();
    let expires_at = Some(tx.now() + Duration::days(1));
    let new = NewKey { workspace, name, prefix: "esc_12345678", secret_hash: [nth; 32], scopes, expires_at };
    let id = api_keys::create(&tx, &new).await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn look(db: &Database, workspace: WorkspaceId, id: ApiKeyId) -> ApiKey {
    api_keys::find(db, workspace, id).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_key_is_as_it_was_made_and_only_its_workspace_sees_it() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let (acme, globex) = (tenant(db, "acme").await, tenant(db, "globex").await);
        let id = make(db, acme.workspace, ("Ünser laptop", 1), &[Scope::Manage, Scope::Read]).await;
        let key = look(db, acme.workspace, id).await;
        assert_eq!((key.name.as_str(), key.prefix.as_str()), ("Ünser laptop", "esc_12345678"));
        assert_eq!(key.scopes.to_string(), "read manage");
        assert_eq!(key.expires_at, Some(key.created_at + Duration::days(1)));
        assert_eq!((key.last_used_at, key.revoked_at), (None, None));
        let caller = api_keys::find_valid(db, [1; 32]).await.unwrap().unwrap();
        assert_eq!((caller.key, caller.scopes), (id, key.scopes));

        assert_eq!(api_keys::find(db, globex.workspace, id).await.unwrap(), None);
        let tx = db.begin().await.unwrap();
        assert_eq!(api_keys::lock(&tx, globex.workspace, id).await.unwrap(), None);
        assert_eq!(api_keys::lock(&tx, acme.workspace, id).await.unwrap(), Some(key));
    })
    .await;
}

#[tokio::test]
async fn keys_are_listed_page_by_page_and_the_newest_first() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let acme = tenant(db, "acme").await;
        tenant(db, "globex").await;
        let mut expected = vec![acme.key_id];
        for nth in 1..5 {
            expected.insert(0, make(db, acme.workspace, ("laptop", nth), &[Scope::Read]).await);
        }
        let mut seen = Vec::new();
        while let Some(page) = Some(api_keys::list(db, acme.workspace, seen.last().copied(), 2).await.unwrap())
            && !page.is_empty()
        {
            assert!(page.len() <= 2);
            seen.extend(page.iter().map(|key| key.id));
        }
        assert_eq!(seen, expected);
    })
    .await;
}

#[tokio::test]
async fn a_revoked_key_stays_in_sight_and_counts_no_more() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let acme = tenant(db, "acme").await;
        tenant(db, "globex").await;
        let id = make(db, acme.workspace, ("laptop", 1), &[Scope::Manage]).await;
        make(db, acme.workspace, ("reader", 2), &[Scope::Read, Scope::Transcribe]).await;
        let tx = db.begin().await.unwrap();
        assert_eq!(api_keys::count_other_managers(&tx, acme.workspace, acme.key_id).await.unwrap(), 1);
        api_keys::rename(&tx, id, "old laptop").await.unwrap();
        api_keys::revoke(&tx, id).await.unwrap();
        assert_eq!(api_keys::count_other_managers(&tx, acme.workspace, acme.key_id).await.unwrap(), 0);
        tx.commit().await.unwrap();
        let key = look(db, acme.workspace, id).await;
        assert!(key.revoked_at.is_some() && key.name == "old laptop");
        assert_eq!(api_keys::find_valid(db, [1; 32]).await.unwrap(), None);
        assert!(!api_keys::is_valid(db, id).await.unwrap() && api_keys::is_valid(db, acme.key_id).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn an_expired_key_is_no_manager() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let acme = tenant(db, "acme").await;
        let id = make(db, acme.workspace, ("laptop", 1), &[Scope::Manage]).await;
        let ended = db.now().await.unwrap() - Duration::milliseconds(1);
        let sql = "UPDATE api_keys SET expires_at = $1 WHERE id = $2";
        assert_eq!(engine.execute(sql, vec![ended.into(), id.as_uuid().into()]).await, 1);
        let tx = db.begin().await.unwrap();
        assert_eq!(api_keys::count_other_managers(&tx, acme.workspace, acme.key_id).await.unwrap(), 0);
        drop(tx);
        assert!(!api_keys::is_valid(db, id).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn use_is_noted_once_a_minute() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let (acme, globex) = (tenant(db, "acme").await, tenant(db, "globex").await);
        let note = async || {
            let tx = db.begin().await.unwrap();
            api_keys::note_used(&tx, &[acme.key_id]).await.unwrap();
            tx.commit().await.unwrap();
            look(db, acme.workspace, acme.key_id).await.last_used_at.unwrap()
        };
        let first = note().await;
        assert_eq!(note().await, first);
        let earlier = first - Duration::minutes(2);
        engine.execute("UPDATE api_keys SET last_used_at = $1", vec![earlier.into()]).await;
        assert!(note().await >= first);
        assert_eq!(look(db, globex.workspace, globex.key_id).await.last_used_at, Some(earlier), "it was not named");
    })
    .await;
}

/// As a gateway of the release before makes one while this one starts.
#[tokio::test]
async fn a_key_that_knows_nothing_of_scopes_has_them_all() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let acme = tenant(db, "acme").await;
        let (older, hash) = (ApiKeyId::new(), [7_u8; 32]);
        let sql = "INSERT INTO api_keys (id, workspace_id, name, prefix, secret_hash, created_at) \
                   SELECT $1, workspace_id, name, prefix, $2, created_at FROM api_keys WHERE id = $3";
        let values = vec![older.as_uuid().into(), hash.to_vec().into(), acme.key_id.as_uuid().into()];
        assert_eq!(engine.execute(sql, values).await, 1);
        let caller = api_keys::find_valid(db, hash).await.unwrap().unwrap();
        assert_eq!((caller.workspace, caller.scopes), (acme.workspace, Scopes::ALL));
    })
    .await;
}
