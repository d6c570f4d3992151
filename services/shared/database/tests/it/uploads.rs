//! Uploads in parts: one writer at a time, and nothing counts that a writer notes after it has lost the upload.

use std::time::Duration;

use escriba_database::{
    Database, retention,
    uploads::{self, NewUpload, Part, Writer},
};
use escriba_domain::{JobId, PartId, UploadId, WorkspaceId};
use escriba_test_support::{eventually, tenant};
use sea_orm::prelude::Uuid;

use crate::engines::on_each_engine;

const LONG: Duration = Duration::from_mins(10);
const MOMENT: Duration = Duration::from_millis(200);

async fn begin(db: &Database, workspace: WorkspaceId, keep: Duration) -> UploadId {
    let new = NewUpload { id: UploadId::new(), workspace, total_bytes: 5 << 32, metadata: "lane YmF0Y2g=".to_owned() };
    let tx = db.begin().await.unwrap();
    uploads::insert(&tx, &new, keep).await.unwrap();
    tx.commit().await.unwrap();
    new.id
}

fn writer(upload: UploadId) -> Writer {
    Writer { upload, id: Uuid::now_v7() }
}

async fn add(db: &Database, writer: Writer, position: u64, bytes: u64) -> Option<Part> {
    let part = Part { id: PartId::new(), position, bytes };
    let tx = db.begin().await.unwrap();
    if !uploads::add_part(&tx, writer, part).await.unwrap() {
        return None;
    }
    tx.commit().await.unwrap();
    Some(part)
}

async fn advance(db: &Database, writer: Writer, stored: u64) -> bool {
    let tx = db.begin().await.unwrap();
    let advanced = uploads::advance(&tx, writer, stored, LONG).await.unwrap();
    tx.commit().await.unwrap();
    advanced
}

#[tokio::test]
async fn an_upload_is_seen_by_its_workspace_as_it_was_begun() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let workspace = tenant(db, "acme").await.workspace;
        let stranger = tenant(db, "globex").await.workspace;
        let id = begin(db, workspace, LONG).await;
        let upload = uploads::find(db, workspace, id).await.unwrap().unwrap();
        assert_eq!((upload.total_bytes, upload.stored_bytes, upload.job), (5 << 32, 0, None));
        assert_eq!((upload.metadata.as_str(), upload.is_expired), ("lane YmF0Y2g=", false));
        assert_eq!(uploads::find(db, stranger, id).await.unwrap(), None);
        let tx = db.begin().await.unwrap();
        assert_eq!(uploads::delete(&tx, stranger, id).await.unwrap(), None);
        assert_eq!(uploads::delete(&tx, workspace, id).await.unwrap(), Some(vec![]));
    })
    .await;
}

#[tokio::test]
async fn one_writer_at_a_time_and_a_late_one_changes_nothing() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let workspace = tenant(db, "acme").await.workspace;
        let id = begin(db, workspace, LONG).await;
        let (frozen, second) = (writer(id), writer(id));
        assert!(uploads::hold(db, frozen, MOMENT).await.unwrap());
        assert!(!uploads::hold(db, writer(UploadId::new()), LONG).await.unwrap(), "there is no such upload");
        let part = add(db, frozen, 0, 10).await.unwrap();
        assert!(advance(db, frozen, 10).await);
        eventually("its time is over", async || uploads::hold(db, second, LONG).await.unwrap().then_some(())).await;
        assert!(!uploads::hold(db, writer(id), LONG).await.unwrap());

        uploads::renew(db, frozen, LONG, LONG).await.unwrap();
        uploads::release(db, frozen).await.unwrap();
        assert_eq!(add(db, frozen, 10, 10).await, None);
        assert!(!advance(db, frozen, 20).await);
        let tx = db.begin().await.unwrap();
        assert_eq!(uploads::drop_parts(&tx, frozen, 0).await.unwrap(), None);
        assert!(!uploads::finish(&tx, frozen, JobId::new(), LONG).await.unwrap());
        drop(tx);
        assert_eq!(uploads::parts(db, id).await.unwrap(), [part]);
        assert_eq!(uploads::find(db, workspace, id).await.unwrap().unwrap().stored_bytes, 10);
        uploads::release(db, second).await.unwrap();
        assert!(uploads::hold(db, writer(id), LONG).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn parts_are_in_order_and_leftovers_can_be_dropped() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let workspace = tenant(db, "acme").await.workspace;
        let id = begin(db, workspace, LONG).await;
        let me = writer(id);
        assert!(uploads::hold(db, me, LONG).await.unwrap());
        let mut parts = Vec::new();
        for position in [0, 5 << 31, 10] {
            parts.push(add(db, me, position, 10).await.unwrap());
        }
        parts.sort_by_key(|part| part.position);
        assert_eq!(uploads::parts(db, id).await.unwrap(), parts);
        let ids: Vec<_> = parts.iter().map(|part| part.id).chain([PartId::new()]).collect();
        let needed = retention::needed_parts(db, &ids).await.unwrap();
        assert_eq!(needed, parts.iter().map(|part| (workspace, id, part.id)).collect());

        let tx = db.begin().await.unwrap();
        let dropped = uploads::drop_parts(&tx, me, 10).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        assert_eq!(dropped, [parts[1].id, parts[2].id]);
        assert_eq!(uploads::parts(db, id).await.unwrap(), parts[..1]);
    })
    .await;
}

#[tokio::test]
async fn a_finished_upload_names_its_job_and_finishes_once() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let workspace = tenant(db, "acme").await.workspace;
        let id = begin(db, workspace, LONG).await;
        let (me, job) = (writer(id), JobId::new());
        assert!(uploads::hold(db, me, LONG).await.unwrap());
        add(db, me, 0, 5 << 32).await.unwrap();
        let tx = db.begin().await.unwrap();
        assert!(uploads::finish(&tx, me, job, LONG).await.unwrap());
        tx.commit().await.unwrap();
        let upload = uploads::find(db, workspace, id).await.unwrap().unwrap();
        assert_eq!((upload.stored_bytes, upload.job), (5 << 32, Some(job)));
        assert_eq!(uploads::parts(db, id).await.unwrap(), []);
        let tx = db.begin().await.unwrap();
        assert!(!uploads::finish(&tx, me, JobId::new(), LONG).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn uploads_expire_by_themselves_and_not_while_they_are_written() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let workspace = tenant(db, "acme").await.workspace;
        let [left, written, young] = [
            begin(db, workspace, Duration::ZERO).await,
            begin(db, workspace, Duration::ZERO).await,
            begin(db, workspace, LONG).await,
        ];
        let me = writer(written);
        assert!(uploads::hold(db, me, LONG).await.unwrap());
        uploads::renew(db, me, LONG, LONG).await.unwrap();
        let expired: Vec<_> = uploads::expired(db, 10).await.unwrap().into_iter().map(|upload| upload.id).collect();
        assert_eq!(expired, [left]);
        assert!(uploads::find(db, workspace, left).await.unwrap().unwrap().is_expired);
        for id in [written, young] {
            assert!(!uploads::find(db, workspace, id).await.unwrap().unwrap().is_expired);
        }
    })
    .await;
}
