//! What is deleted by itself, and above all what is not.

use std::{fs, path::PathBuf, time::Duration};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use escriba_blobs::{BlobStore, ObjectKey};
use escriba_database::{jobs, media, transcripts, workspaces};
use escriba_domain::{ChunkId, JobId, MediaId, WorkspaceId};
use escriba_events::WorkItem;
use escriba_gateway::app::{
    apply_retention::{RetentionReport, apply_retention},
    housekeeping::{Mode, Named, Tally},
    sweep_orphans::{SweepError, SweepReport, sweep_orphans},
};
use escriba_test_support::segment;
use futures_util::StreamExt;

use crate::{
    stack::{Gateway, on_each_engine},
    worker::{Worker, done, failed, segments},
};

const DAY: Duration = Duration::from_hours(24);

fn store(gateway: &Gateway) -> BlobStore {
    BlobStore::open(&gateway.storage_url()).unwrap()
}

async fn put(gateway: &Gateway, key: ObjectKey) -> ObjectKey {
    let mut upload = store(gateway).upload(key).await.unwrap();
    upload.write(Bytes::from_static(b"12345")).await.unwrap();
    upload.finish().await.unwrap();
    key
}

/// Makes everything in storage two days old.
fn age(gateway: &Gateway) {
    let then = DateTime::<Utc>::from(std::time::SystemTime::now()) - 2 * DAY;
    let mut folders = vec![gateway.storage()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path.clone());
            }
            fs::File::open(path).unwrap().set_modified(then.into()).unwrap();
        }
    }
}

fn file(gateway: &Gateway, key: ObjectKey) -> PathBuf {
    gateway.storage().join(key.to_string())
}

async fn recording_of(gateway: &Gateway, item: &WorkItem) -> ObjectKey {
    let job = jobs::find(&gateway.db, gateway.workspace, item.job_id).await.unwrap().unwrap();
    ObjectKey::Media { workspace: job.workspace, media: job.media }
}

async fn sweep(gateway: &Gateway, mode: Mode) -> SweepReport {
    sweep_orphans(&gateway.db, &store(gateway), DAY, mode).await.unwrap()
}

pub(crate) async fn retention(gateway: &Gateway, mode: Mode) -> RetentionReport {
    apply_retention(&gateway.db, &store(gateway), mode).await.unwrap()
}

pub(crate) async fn keep(gateway: &Gateway, media: Option<u32>, transcripts: Option<u32>) {
    let tx = gateway.db.begin().await.unwrap();
    workspaces::keep_media(&tx, gateway.workspace, media).await.unwrap();
    workspaces::keep_transcripts(&tx, gateway.workspace, transcripts).await.unwrap();
    tx.commit().await.unwrap();
}

const fn tally(count: u64, bytes: u64) -> Tally {
    Tally { count, bytes }
}

#[tokio::test]
async fn a_sweep_deletes_what_no_row_needs_and_nothing_else() {
    on_each_engine(async |gateway| {
        let workspace = gateway.workspace;
        let done_item = gateway.submit().await;
        Worker::claim(gateway, &done_item).await.commit(done(1_000)).await;
        let waiting = gateway.submit().await;
        let windows = |item: &WorkItem| ObjectKey::Windows { workspace, job: item.job_id, chunk: item.chunk_id };
        let needed = [
            recording_of(gateway, &done_item).await,
            recording_of(gateway, &waiting).await,
            put(gateway, windows(&waiting)).await,
            put(gateway, ObjectKey::Peaks { workspace, job: done_item.job_id }).await,
            put(gateway, ObjectKey::Rendition { workspace, job: done_item.job_id }).await,
        ];
        let orphans = [
            put(gateway, windows(&done_item)).await,
            put(gateway, ObjectKey::Media { workspace, media: MediaId::new() }).await,
            put(gateway, ObjectKey::Windows { workspace, job: waiting.job_id, chunk: ChunkId::new() }).await,
            put(gateway, ObjectKey::Windows { workspace, job: JobId::new(), chunk: waiting.chunk_id }).await,
            put(gateway, ObjectKey::Peaks { workspace, job: JobId::new() }).await,
            put(gateway, ObjectKey::Rendition { workspace, job: JobId::new() }).await,
        ];
        let stranger = WorkspaceId::new();
        let foreign = put(gateway, ObjectKey::Media { workspace: stranger, media: MediaId::new() }).await;
        let unfinished = format!("{}#1", file(gateway, needed[0]).display());
        fs::write(&unfinished, "123").unwrap();
        fs::create_dir(gateway.storage().join("lost+found")).unwrap();
        age(gateway);
        let young = put(gateway, ObjectKey::Media { workspace, media: MediaId::new() }).await;

        let dry = sweep(gateway, Mode::DryRun).await;
        assert_eq!((dry.orphans, dry.unfinished_uploads), (tally(6, 30), tally(1, 3)));
        assert_eq!((dry.kept.count, dry.foreign), (6, tally(1, 5)));
        assert_eq!(dry.unknown, Named { count: 1, names: vec!["lost+found".to_owned()] });
        assert_eq!(gateway.stored_files(), 14, "a dry run deletes nothing");

        assert_eq!(sweep(gateway, Mode::Apply).await, dry);
        for key in needed.iter().chain([&foreign, &young]) {
            assert!(file(gateway, *key).exists(), "{key} is needed");
        }
        for key in orphans {
            assert!(!file(gateway, key).exists(), "{key} is an orphan");
        }
        assert_eq!(gateway.stored_files(), 7);
        let again = sweep(gateway, Mode::Apply).await;
        assert_eq!(
            (again.orphans, again.unfinished_uploads, again.failures),
            (tally(0, 0), tally(0, 0), Named::default())
        );
        Worker::claim(gateway, &waiting).await.commit(done(1_000)).await;
    })
    .await;
}

#[tokio::test]
async fn a_failed_jobs_speech_is_kept_for_another_try() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let key = ObjectKey::Windows { workspace: gateway.workspace, job: item.job_id, chunk: item.chunk_id };
        put(gateway, key).await;
        Worker::claim(gateway, &item).await.commit(failed("media_no_audio", false)).await;
        age(gateway);
        assert_eq!(sweep(gateway, Mode::Apply).await.orphans, tally(0, 0));
        assert!(file(gateway, key).exists());
    })
    .await;
}

#[tokio::test]
async fn two_sweeps_at_once_do_what_one_does() {
    on_each_engine(async |gateway| {
        let workspace = gateway.workspace;
        for _ in 0..50 {
            put(gateway, ObjectKey::Media { workspace, media: MediaId::new() }).await;
        }
        age(gateway);
        let (one, other) = tokio::join!(sweep(gateway, Mode::Apply), sweep(gateway, Mode::Apply));
        assert_eq!((one.failures.count, other.failures.count), (0, 0));
        assert!(one.orphans.count + other.orphans.count >= 50);
        assert_eq!(gateway.stored_files(), 0);
        // The folder is young, because its last file went just now.
        age(gateway);
        assert_eq!(sweep(gateway, Mode::Apply).await.empty_folders.count, 1);
        gateway.submit().await;
    })
    .await;
}

#[tokio::test]
async fn only_a_dry_run_may_judge_what_is_young() {
    on_each_engine(async |gateway| {
        let key = ObjectKey::Media { workspace: gateway.workspace, media: MediaId::new() };
        put(gateway, key).await;
        let blobs = store(gateway);
        let minutes = Duration::from_mins(59);
        let refused = sweep_orphans(&gateway.db, &blobs, minutes, Mode::Apply).await;
        assert!(matches!(refused, Err(SweepError::TooYoung)));
        let seen = sweep_orphans(&gateway.db, &blobs, Duration::ZERO, Mode::DryRun).await.unwrap();
        assert_eq!(seen.orphans, tally(1, 5));
        assert!(file(gateway, key).exists());
    })
    .await;
}

#[tokio::test]
async fn a_recording_goes_and_its_job_and_transcript_stay() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let mut worker = Worker::claim(gateway, &item).await;
        worker.commit(segments(&[segment(0)], 2_000)).await;
        worker.commit(done(2_000)).await;
        let waiting = gateway.submit().await;
        let running = gateway.submit().await;
        let mut worker = Worker::claim(gateway, &running).await;
        let before = gateway.job(item.job_id).await;
        let recording = recording_of(gateway, &item).await;

        assert_eq!(retention(gateway, Mode::Apply).await, RetentionReport::default(), "all is kept for ever");
        keep(gateway, Some(1), Some(1)).await;
        assert_eq!(retention(gateway, Mode::Apply).await, RetentionReport::default(), "it ended just now");
        keep(gateway, Some(0), None).await;
        let dry = retention(gateway, Mode::DryRun).await;
        assert_eq!((dry.recordings.count, dry.jobs.count), (1, 0));
        assert!(file(gateway, recording).exists());
        assert_eq!(retention(gateway, Mode::Apply).await, dry);
        assert!(!file(gateway, recording).exists());
        assert_eq!(retention(gateway, Mode::Apply).await, RetentionReport::default());

        assert_eq!(gateway.job(item.job_id).await, before);
        assert_eq!(transcripts::segments(&gateway.db, item.job_id).count().await, 1);
        let job = jobs::find(&gateway.db, gateway.workspace, item.job_id).await.unwrap().unwrap();
        assert!(job.media_deleted_at.is_some());
        for item in [&waiting, &running] {
            assert!(file(gateway, recording_of(gateway, item).await).exists(), "what waits or runs is not touched");
        }
        worker.commit(done(1_000)).await;
        Worker::claim(gateway, &waiting).await.commit(done(1_000)).await;
    })
    .await;
}

#[tokio::test]
async fn a_job_goes_with_all_it_has_and_listeners_hear_of_it() {
    on_each_engine(async |gateway| {
        let mut ended = Vec::new();
        for _ in 0..23 {
            let item = gateway.submit().await;
            let mut worker = Worker::claim(gateway, &item).await;
            worker.commit(segments(&[segment(0)], 2_000)).await;
            worker.commit(done(2_000)).await;
            ended.push(item);
        }
        let waiting = gateway.submit().await;
        keep(gateway, Some(0), Some(0)).await;
        let dry = retention(gateway, Mode::DryRun).await;
        assert_eq!((dry.jobs.count, dry.recordings.count), (23, 0), "a recording that goes with its job counts once");
        // As two gateways do: both come to an end, and each job goes once.
        let (one, other) = tokio::join!(retention(gateway, Mode::Apply), retention(gateway, Mode::Apply));
        assert_eq!((one.jobs.count + other.jobs.count, one.recordings.count + other.recordings.count), (23, 0));
        assert_eq!(gateway.stored_files(), 1);
        for item in &ended {
            assert!(jobs::find(&gateway.db, gateway.workspace, item.job_id).await.unwrap().is_none());
            assert_eq!(transcripts::segments(&gateway.db, item.job_id).count().await, 0);
        }
        let names = gateway.event_names_until(ended[0].job_id, "deleted").await;
        assert_eq!(names, ["queued", "started", "segments_added", "completed", "deleted"]);
        assert_eq!(gateway.job(waiting.job_id).await["state"], "queued");
    })
    .await;
}

#[tokio::test]
async fn what_a_crash_left_between_row_and_object_is_swept() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        Worker::claim(gateway, &item).await.commit(done(1_000)).await;
        let recording = recording_of(gateway, &item).await;
        let ObjectKey::Media { media, .. } = recording else { panic!("a recording") };
        let tx = gateway.db.begin().await.unwrap();
        media::mark_deleted(&tx, &[media]).await.unwrap();
        tx.commit().await.unwrap();
        age(gateway);
        assert_eq!(sweep(gateway, Mode::Apply).await.orphans.count, 1);
        assert!(!file(gateway, recording).exists());
    })
    .await;
}
