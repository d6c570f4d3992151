//! How long workspaces keep things: what is due and what is not, by the database's clock, and which objects are needed.

use std::collections::HashSet;

use chrono::TimeDelta;
use escriba_database::{
    Database, chunks,
    jobs::{self, Ending, Failure},
    media,
    retention::{self, Due, Kept},
    workspaces::{self, Workspace},
};
use escriba_domain::{ChunkId, ChunkState, JobId, MediaId, WorkspaceId};
use escriba_test_support::{job_options, tenant};

use crate::{
    engines::{Engine, on_each_engine},
    rows::{Queued, queue},
};

async fn keep(db: &Database, workspace: WorkspaceId, media: Option<u32>, transcripts: Option<u32>) {
    let tx = db.begin().await.unwrap();
    workspaces::keep_media(&tx, workspace, media).await.unwrap();
    workspaces::keep_transcripts(&tx, workspace, transcripts).await.unwrap();
    tx.commit().await.unwrap();
}

/// A job that ended so many hours ago.
async fn ended(engine: &Engine, workspace: WorkspaceId, ending: &Ending, hours: i64) -> Queued {
    let db = &engine.db;
    let queued = queue(db, workspace, job_options()).await;
    let tx = db.begin().await.unwrap();
    let at = tx.now() - TimeDelta::hours(hours);
    let job = jobs::lock(&tx, queued.job).await.unwrap().unwrap();
    jobs::finish(&tx, &job, ending).await.unwrap();
    tx.commit().await.unwrap();
    let sql = "UPDATE jobs SET finished_at = $1 WHERE id = $2";
    engine.execute(sql, vec![at.into(), queued.job.as_uuid().into()]).await;
    queued
}

fn endings() -> [Ending; 3] {
    let failure = Failure { code: "media_no_audio".to_owned(), message: "Nothing is heard.".to_owned() };
    [Ending::Completed, Ending::Failed(failure), Ending::Canceled]
}

fn as_due(queued: &Queued) -> Due {
    Due { job: queued.job, media: Some(queued.media.id), bytes: queued.media.size_bytes }
}

async fn due(db: &Database, workspace: WorkspaceId, kept: Kept) -> Vec<Due> {
    let due = retention::due(db, workspace, kept, None, 100).await.unwrap();
    let tx = db.begin().await.unwrap();
    assert_eq!(retention::lock_due(&tx, workspace, kept, 100).await.unwrap(), due);
    due
}

#[tokio::test]
async fn a_workspace_keeps_for_ever_until_it_is_told_otherwise() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let acme = tenant(db, "acme").await.workspace;
        let globex = tenant(db, "globex").await.workspace;
        keep(db, globex, Some(30), None).await;
        let kept = |workspace: &Workspace| (workspace.keep_media_days, workspace.keep_transcripts_days);
        let all = workspaces::list(db).await.unwrap();
        let names: Vec<_> = all.iter().map(|workspace| (workspace.id, workspace.name.as_str())).collect();
        assert_eq!(names, [(acme, "acme"), (globex, "globex")]);
        assert_eq!((kept(&all[0]), kept(&all[1])), ((None, None), (Some(30), None)));
        keep(db, globex, None, Some(0)).await;
        assert_eq!(kept(&workspaces::list(db).await.unwrap()[1]), (None, Some(0)));
    })
    .await;
}

#[tokio::test]
async fn jobs_are_due_so_many_days_after_their_end_however_they_ended() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let workspace = tenant(db, "acme").await.workspace;
        let stranger = tenant(db, "globex").await.workspace;
        let mut old = Vec::new();
        for ending in endings() {
            old.push(as_due(&ended(engine, workspace, &ending, 49).await));
            ended(engine, workspace, &ending, 47).await;
            ended(engine, stranger, &ending, 49).await;
        }
        queue(db, workspace, job_options()).await;
        for kept in [Kept::Media, Kept::Transcripts] {
            assert_eq!(due(db, workspace, kept).await, [], "{kept:?}");
        }
        keep(db, workspace, Some(2), None).await;
        assert_eq!(due(db, workspace, Kept::Media).await, old);
        assert_eq!(due(db, workspace, Kept::Transcripts).await, []);
        keep(db, workspace, None, Some(2)).await;
        assert_eq!(due(db, workspace, Kept::Transcripts).await, old);
        assert_eq!(due(db, workspace, Kept::Media).await, []);
        keep(db, workspace, Some(0), Some(3)).await;
        assert_eq!(due(db, workspace, Kept::Media).await.len(), 6);
        assert_eq!(due(db, workspace, Kept::Transcripts).await, []);
    })
    .await;
}

/// What `finished_at` says of a job that was asked for again must not matter.
#[tokio::test]
async fn a_job_that_waits_or_runs_is_never_due() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let workspace = tenant(db, "acme").await.workspace;
        keep(db, workspace, Some(0), Some(0)).await;
        for state in ["queued", "running"] {
            let job = ended(engine, workspace, &Ending::Canceled, 1_000).await.job;
            let sql = "UPDATE jobs SET state = $1 WHERE id = $2";
            engine.execute(sql, vec![state.into(), job.as_uuid().into()]).await;
        }
        for kept in [Kept::Media, Kept::Transcripts] {
            assert_eq!(due(db, workspace, kept).await, []);
        }
    })
    .await;
}

#[tokio::test]
async fn a_deleted_recording_is_not_due_again_and_its_job_takes_no_room() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let workspace = tenant(db, "acme").await.workspace;
        keep(db, workspace, Some(0), Some(0)).await;
        let queued = ended(engine, workspace, &Ending::Canceled, 1).await;
        let other = ended(engine, workspace, &Ending::Canceled, 1).await;
        assert_eq!(queued.look(db).await.media_deleted_at, None);
        let tx = db.begin().await.unwrap();
        let now = tx.now();
        media::mark_deleted(&tx, &[queued.media.id]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(queued.look(db).await.media_deleted_at, Some(now));
        assert_eq!(other.look(db).await.media_deleted_at, None);
        assert_eq!(due(db, workspace, Kept::Media).await, [as_due(&other)]);
        let whole = due(db, workspace, Kept::Transcripts).await;
        assert_eq!(whole, [Due { bytes: 0, ..as_due(&queued) }, as_due(&other)]);
    })
    .await;
}

#[tokio::test]
async fn what_is_due_comes_in_pages() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let workspace = tenant(db, "acme").await.workspace;
        keep(db, workspace, None, Some(0)).await;
        let mut there = Vec::new();
        for hours in [1, 9, 3, 7, 5] {
            there.push(as_due(&ended(engine, workspace, &Ending::Canceled, hours).await));
        }
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = retention::due(db, workspace, Kept::Transcripts, after, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.job);
            seen.extend(page);
        }
        assert_eq!(seen, there);
    })
    .await;
}

/// On SQLite the second waits for the first instead.
#[tokio::test]
async fn two_at_once_do_not_lock_the_same_job() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        if engine.url.starts_with("sqlite") {
            return;
        }
        let workspace = tenant(db, "acme").await.workspace;
        keep(db, workspace, None, Some(0)).await;
        let first = as_due(&ended(engine, workspace, &Ending::Canceled, 1).await);
        let second = as_due(&ended(engine, workspace, &Ending::Canceled, 1).await);
        let one = db.begin().await.unwrap();
        let other = db.begin().await.unwrap();
        assert_eq!(retention::lock_due(&one, workspace, Kept::Transcripts, 1).await.unwrap(), [first]);
        assert_eq!(retention::lock_due(&other, workspace, Kept::Transcripts, 9).await.unwrap(), [second]);
    })
    .await;
}

#[tokio::test]
async fn objects_are_needed_as_long_as_a_row_needs_them() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let workspace = tenant(db, "acme").await.workspace;
        let [kept, deleted] = [(); 2].map(|()| queue(db, workspace, job_options()));
        let (kept, deleted) = (kept.await, deleted.await);
        let tx = db.begin().await.unwrap();
        media::mark_deleted(&tx, &[deleted.media.id]).await.unwrap();
        tx.commit().await.unwrap();
        let asked = [kept.media.id, deleted.media.id, MediaId::new()];
        let needed = retention::needed_media(db, &asked).await.unwrap();
        assert_eq!(needed, HashSet::from([(workspace, kept.media.id)]));

        let mut asked = vec![ChunkId::new()];
        let mut expected = HashSet::<(JobId, ChunkId)>::new();
        for (position, &state) in ChunkState::ALL.iter().enumerate() {
            let chunk = engine.insert_chunk(kept.job, i32::try_from(position).unwrap() + 1).await;
            let tx = db.begin().await.unwrap();
            chunks::end(&tx, chunk, state).await.unwrap();
            tx.commit().await.unwrap();
            asked.push(chunk);
            if state != ChunkState::Completed {
                expected.insert((kept.job, chunk));
            }
        }
        assert_eq!(retention::unfinished_chunks(db, &asked).await.unwrap(), expected);
    })
    .await;
}
