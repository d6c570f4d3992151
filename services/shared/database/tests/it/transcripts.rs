//! Segments: written once each, read back in the order of the recording.

use escriba_database::{
    Database,
    jobs::{self, Progress},
    transcripts,
};
use escriba_domain::{JobId, Language, Segment};
use escriba_test_support::segment;
use futures_util::TryStreamExt;

use crate::{engines::on_each_engine, rows::queued_job};

async fn read(db: &Database, job: JobId) -> Vec<Segment> {
    transcripts::segments(db, job).try_collect().await.unwrap()
}

fn segments(range: std::ops::Range<u32>) -> Vec<Segment> {
    range.map(segment).collect()
}

#[tokio::test]
async fn segments_come_back_whole_whatever_they_hold() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let queued = queued_job(db).await;
        let silent = Segment {
            language: None,
            channel: None,
            words: vec![],
            text: String::new(),
            avg_logprob: -17.5,
            ..segment(1)
        };
        let odd = Segment { text: "\"'; DROP TABLE jobs; -- \u{1F600}\n".to_owned(), ..segment(2) };
        let written = vec![segment(0), silent, odd];
        let tx = db.begin().await.unwrap();
        transcripts::insert(&tx, queued.job, queued.chunk, &written).await.unwrap();
        transcripts::insert(&tx, queued.job, queued.chunk, &[]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(read(db, queued.job).await, written);
    })
    .await;
}

#[tokio::test]
async fn a_segment_written_twice_stands_once_as_it_was_first() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let queued = queued_job(db).await;
        for round in ["first", "second"] {
            let repeated = segments(0..4).into_iter().map(|s| Segment { text: format!("{} {round}", s.index), ..s });
            let tx = db.begin().await.unwrap();
            transcripts::insert(&tx, queued.job, queued.chunk, &repeated.collect::<Vec<_>>()).await.unwrap();
            tx.commit().await.unwrap();
        }
        let tx = db.begin().await.unwrap();
        transcripts::insert(&tx, queued.job, queued.chunk, &segments(3..6)).await.unwrap();
        tx.commit().await.unwrap();
        let texts: Vec<String> = read(db, queued.job).await.into_iter().map(|segment| segment.text).collect();
        assert_eq!(texts[..4], ["0 first", "1 first", "2 first", "3 first"]);
        assert_eq!(texts[4..], [segment(4).text, segment(5).text]);
    })
    .await;
}

/// Chunks are finished in any order; the transcript is in the recording's.
#[tokio::test]
async fn a_long_transcript_streams_back_in_chunk_order_across_pages() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let queued = queued_job(db).await;
        let stranger = queued_job(db).await;
        let second = engine.insert_chunk(queued.job, 1).await;
        let third = engine.insert_chunk(queued.job, 2).await;
        let tx = db.begin().await.unwrap();
        for (job, chunk, count) in [
            (queued.job, third, 3),
            (stranger.job, stranger.chunk, 5),
            (queued.job, second, 500),
            (queued.job, queued.chunk, 720),
        ] {
            transcripts::insert(&tx, job, chunk, &segments(0..count)).await.unwrap();
        }
        tx.commit().await.unwrap();
        let expected: Vec<u32> = (0..720).chain(0..500).chain(0..3).collect();
        let found: Vec<u32> = read(db, queued.job).await.iter().map(|segment| segment.index).collect();
        assert_eq!(found, expected);
        assert_eq!(read(db, stranger.job).await.len(), 5);
        assert!(read(db, JobId::new()).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_reader_that_goes_on_where_it_was_misses_nothing_and_reads_nothing_twice() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let queued = queued_job(db).await;
        let second = engine.insert_chunk(queued.job, 1).await;
        let (mut after, mut read) = (None, Vec::new());
        for (chunk, range) in [(queued.chunk, 0..3), (queued.chunk, 3..3), (queued.chunk, 3..600), (second, 0..2)] {
            let tx = db.begin().await.unwrap();
            transcripts::insert(&tx, queued.job, chunk, &segments(range)).await.unwrap();
            tx.commit().await.unwrap();
            let new: Vec<_> = transcripts::segments_after(db, queued.job, after).try_collect().await.unwrap();
            after = new.last().map(|(place, _)| *place).or(after);
            read.extend(new.into_iter().map(|(_, segment)| segment.index));
        }
        assert_eq!(read, (0..600).chain(0..2).collect::<Vec<_>>());
    })
    .await;
}

/// A page that is exactly full is followed by an empty one, not by an error or a repeat.
#[tokio::test]
async fn a_transcript_of_exactly_one_page_ends() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let queued = queued_job(db).await;
        let tx = db.begin().await.unwrap();
        transcripts::insert(&tx, queued.job, queued.chunk, &segments(0..500)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(read(db, queued.job).await.len(), 500);
    })
    .await;
}

#[tokio::test]
async fn what_is_said_of_a_transcript_comes_from_its_job() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let queued = queued_job(db).await;
        let head = transcripts::find(db, queued.workspace, queued.job).await.unwrap().unwrap();
        assert_eq!((head.job_id, head.language, head.audio_ms, head.version), (queued.job, None, None, 1));
        assert_eq!((head.file_name, head.model.as_str()), (queued.media.file_name.clone(), "base"));

        let tx = db.begin().await.unwrap();
        jobs::note_language(&tx, queued.job, Language::ENGLISH).await.unwrap();
        let progress = Progress { processed_ms: 0, audio_ms: Some(9_000), time_left_ms: None };
        jobs::note_progress(&tx, queued.job, progress).await.unwrap();
        tx.commit().await.unwrap();
        let head = transcripts::find(db, queued.workspace, queued.job).await.unwrap().unwrap();
        assert_eq!((head.language, head.audio_ms), (Some(Language::ENGLISH), Some(9_000)));

        let stranger = queued_job(db).await.workspace;
        assert!(transcripts::find(db, stranger, queued.job).await.unwrap().is_none());
    })
    .await;
}
