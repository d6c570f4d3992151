//! Rows that tests begin with.

use std::collections::BTreeMap;

use escriba_database::{
    Database, chunks, jobs,
    media::{self, Media},
};
use escriba_domain::{ChunkId, JobId, JobOptions, Labels, MediaId, WorkspaceId};
use escriba_test_support::{job_options, tenant};

pub(crate) struct Queued {
    pub(crate) workspace: WorkspaceId,
    pub(crate) media: Media,
    pub(crate) job: JobId,
    pub(crate) chunk: ChunkId,
}

/// A workspace with one queued job.
pub(crate) async fn queued_job(db: &Database) -> Queued {
    let workspace = tenant(db, "acme").await.workspace;
    queue(db, workspace, job_options()).await
}

pub(crate) async fn queue(db: &Database, workspace: WorkspaceId, options: JobOptions) -> Queued {
    let media = media_of(workspace);
    let labels = Labels::default();
    let new =
        jobs::NewJob { id: JobId::new(), workspace, media: media.id, options, labels, redo: None, trace: trace() };
    let tx = db.begin().await.unwrap();
    media::insert(&tx, &media).await.unwrap();
    jobs::insert(&tx, &new).await.unwrap();
    let chunk = chunks::insert_whole(&tx, &new).await.unwrap();
    tx.commit().await.unwrap();
    Queued { workspace, media, job: new.id, chunk }
}

pub(crate) fn media_of(workspace: WorkspaceId) -> Media {
    Media {
        id: MediaId::new(),
        workspace,
        file_name: "entrevista año 1.m4a".to_owned(),
        content_type: Some("audio/mp4".to_owned()),
        size_bytes: 5 << 32,
        sha256: [0xA7; 32],
    }
}

pub(crate) fn trace() -> BTreeMap<String, String> {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    BTreeMap::from([("traceparent".to_owned(), parent.to_owned())])
}

impl Queued {
    pub(crate) async fn look(&self, db: &Database) -> jobs::Job {
        jobs::find(db, self.workspace, self.job).await.unwrap().unwrap()
    }

    pub(crate) async fn look_at_chunk(&self, db: &Database) -> chunks::Chunk {
        let tx = db.begin().await.unwrap();
        chunks::lock(&tx, self.chunk).await.unwrap().unwrap()
    }
}
