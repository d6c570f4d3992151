//! Versions of a transcript: each is read as it was made, whatever came after.

use escriba_database::{
    Database, media,
    transcripts::{self, FIRST_VERSION, Identified, Key, Stored, Version},
};
use escriba_domain::{ApiKeyId, EditSummary, JobId, Segment, SegmentId, VersionOrigin, WorkspaceId};
use escriba_test_support::segment;
use futures_util::TryStreamExt;

use crate::{
    engines::on_each_engine,
    rows::{Queued, queued_job},
};

/// A job with these segments.
async fn transcribed(db: &Database, segments: &[Segment]) -> Queued {
    let queued = queued_job(db).await;
    let tx = db.begin().await.unwrap();
    transcripts::insert(&tx, queued.job, queued.chunk, segments).await.unwrap();
    tx.commit().await.unwrap();
    queued
}

async fn load(db: &Database, job: JobId, version: u32) -> Vec<Stored> {
    let tx = db.begin().await.unwrap();
    transcripts::load(&tx, job, version).await.unwrap()
}

async fn make(db: &Database, job: JobId, version: u32, gone: &[Key], new: &[Identified]) -> Version {
    let tx = db.begin().await.unwrap();
    transcripts::replace(&tx, job, version, (gone, new)).await.unwrap();
    let made = Version {
        version,
        origin: VersionOrigin::Edit,
        reverted_to: (version == 3).then_some(1),
        by: ApiKeyId::new(),
        summary: EditSummary { set: version, ..EditSummary::default() },
        created_at: tx.now(),
    };
    transcripts::add_version(&tx, job, &made).await.unwrap();
    tx.commit().await.unwrap();
    made
}

async fn ids(db: &Database, job: JobId, version: u32) -> Vec<String> {
    let found: Vec<Identified> = transcripts::segments_of(db, job, version).try_collect().await.unwrap();
    found.iter().map(|identified| identified.id.to_string()).collect()
}

fn made(version: u32, nth: u32, start_ms: u64, channel: Option<u16>) -> Identified {
    let segment = Segment { start_ms, end_ms: start_ms + 100, channel, index: 0, ..segment(0) };
    Identified { id: SegmentId::made(version, nth), segment }
}

#[tokio::test]
async fn every_version_stays_as_it_was_made() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let queued = transcribed(db, &(0..4).map(segment).collect::<Vec<_>>()).await;
        let first = load(db, queued.job, 1).await;
        assert_eq!(
            first.iter().map(|stored| stored.identified.segment.clone()).collect::<Vec<_>>(),
            [0, 1, 2, 3].map(segment)
        );

        let changed = Identified {
            id: first[1].identified.id.clone(),
            segment: Segment { text: "Otherwise.".to_owned(), speaker: Some("Ana".to_owned()), ..segment(1) },
        };
        let gone = [first[1].key, first[3].key];
        let second = make(db, queued.job, 2, &gone, &[changed.clone(), made(2, 0, 4_000, Some(2))]).await;
        let now = load(db, queued.job, 2).await;
        let third = make(db, queued.job, 3, &[now[2].key], &[made(3, 0, 100, Some(2))]).await;

        assert_eq!(ids(db, queued.job, 1).await, ["0-0", "0-1", "0-2", "0-3"]);
        assert_eq!(ids(db, queued.job, 2).await, ["0-0", "0-1", "0-2", "v2-0"]);
        assert_eq!(ids(db, queued.job, 3).await, ["0-0", "v3-0", "0-1", "v2-0"]);
        let texts = |version| async move {
            let found: Vec<Identified> = transcripts::segments_of(db, queued.job, version).try_collect().await.unwrap();
            found.into_iter().find(|found| found.id.as_str() == "0-1").unwrap().segment
        };
        assert_eq!(texts(1).await, segment(1));
        let edited = texts(2).await;
        assert_eq!((edited.text.as_str(), edited.speaker.as_deref()), ("Otherwise.", Some("Ana")));
        assert_eq!((edited.words, edited.start_ms), (segment(1).words, 2_000));

        let newest: Vec<Segment> = transcripts::segments(db, queued.job).try_collect().await.unwrap();
        assert_eq!(newest.iter().map(|segment| segment.start_ms).collect::<Vec<_>>(), [0, 100, 2_000, 4_000]);
        assert_eq!(queued.look(db).await.transcript_version, 3);
        let history = transcripts::versions(db, queued.job, None, 10).await.unwrap();
        assert_eq!(history, [third.clone(), second.clone()]);
        assert_eq!(transcripts::versions(db, queued.job, Some(3), 10).await.unwrap(), [second]);
        assert_eq!(transcripts::versions(db, queued.job, None, 1).await.unwrap(), [third]);
    })
    .await;
}

/// Whatever page a segment falls on, it comes once, also where many start at the same time.
#[tokio::test]
async fn a_long_edited_transcript_is_in_the_order_of_time_across_pages() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let queued = transcribed(db, &(0..40).map(segment).collect::<Vec<_>>()).await;
        // Each place in time is taken by five on each of two channels, written in another order.
        let new: Vec<Identified> = (0..1_200)
            .rev()
            .map(|nth: u32| made(2, nth, u64::from(nth / 10) * 1_000, Some(u16::try_from(nth % 2).unwrap() + 1)))
            .collect();
        let recognized = load(db, queued.job, 1).await;
        let gone: Vec<Key> = recognized.iter().map(|stored| stored.key).collect();
        make(db, queued.job, 2, &gone, &new).await;

        let found: Vec<Identified> = transcripts::segments_of(db, queued.job, 2).try_collect().await.unwrap();
        assert_eq!(found.len(), 1_200);
        let place = |found: &Identified| (found.segment.start_ms, found.segment.channel, found.segment.index);
        assert!(found.is_sorted_by_key(place));
        let mut paged = Vec::new();
        while paged.len() < 1_200 {
            let page = transcripts::page(db, queued.job, 2, (paged.len() as u64, 77)).await.unwrap();
            assert!(!page.is_empty());
            paged.extend(page);
        }
        assert_eq!(paged, found);
        assert_eq!(transcripts::page(db, queued.job, 2, (1_200, 77)).await.unwrap(), []);
        assert_eq!(ids(db, queued.job, FIRST_VERSION).await.len(), 40);
    })
    .await;
}

#[tokio::test]
async fn a_job_that_is_deleted_takes_its_versions_along() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let queued = transcribed(db, &[segment(0)]).await;
        let gone = [load(db, queued.job, 1).await[0].key];
        make(db, queued.job, 2, &gone, &[]).await;
        assert!(ids(db, queued.job, 2).await.is_empty());
        let tx = db.begin().await.unwrap();
        escriba_database::jobs::delete(&tx, queued.job).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!((engine.rows_of("transcript_versions").await, engine.rows_of("segments").await), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_recording_is_found_by_its_job_within_its_workspace() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let queued = queued_job(db).await;
        let found = media::of_job(db, queued.workspace, queued.job).await.unwrap();
        assert_eq!(found, Some((queued.media.clone(), None)));
        assert_eq!(media::of_job(db, WorkspaceId::new(), queued.job).await.unwrap(), None);
        assert_eq!(media::of_job(db, queued.workspace, JobId::new()).await.unwrap(), None);
        let tx = db.begin().await.unwrap();
        media::mark_deleted(&tx, &[queued.media.id]).await.unwrap();
        tx.commit().await.unwrap();
        let (_, deleted_at) = media::of_job(db, queued.workspace, queued.job).await.unwrap().unwrap();
        assert!(deleted_at.is_some());
    })
    .await;
}
