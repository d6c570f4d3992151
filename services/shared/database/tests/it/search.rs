//! Search: in titles, file names and transcripts, as they grow and change, and in one's own jobs alone.

use std::collections::BTreeSet;

use escriba_database::{
    Database,
    jobs::{self, Filter, Order, SortKey},
    media,
    search::{
        self,
        Field::{FileName, Text, Title},
    },
    transcripts,
};
use escriba_domain::{ChunkId, JobId, Labels, Segment, WorkspaceId};
use escriba_test_support::{job_options, segment, tenant};

use crate::{
    engines::{Engine, on_each_engine},
    rows::{Queued, queue},
};

fn query(text: &str) -> search::Query {
    search::Query::parse(text).unwrap()
}

async fn found(db: &Database, workspace: WorkspaceId, text: &str) -> BTreeSet<JobId> {
    let filter = Filter { search: Some(query(text)), ..Filter::default() };
    let ids = jobs::list_ids(db, workspace, &filter, (Order::default(), None), 100).await.unwrap();
    assert_eq!(jobs::count(db, workspace, &filter).await.unwrap(), ids.len() as u64, "{text}");
    ids.into_iter().collect()
}

async fn index(db: &Database) {
    while search::index_stale(db).await.unwrap() > 0 {}
}

async fn write(db: &Database, job: JobId, chunk: ChunkId, texts: &[&str]) {
    let from = transcripts_of(db, job).await;
    let segments: Vec<_> =
        (from..).zip(texts).map(|(nth, &text)| Segment { text: text.to_owned(), ..segment(nth) }).collect();
    let tx = db.begin().await.unwrap();
    transcripts::insert(&tx, job, chunk, &segments).await.unwrap();
    tx.commit().await.unwrap();
}

async fn transcripts_of(db: &Database, job: JobId) -> u32 {
    use futures_util::StreamExt;
    let count = transcripts::segments(db, job).count().await;
    u32::try_from(count).unwrap()
}

async fn title(db: &Database, job: JobId, title: &str) {
    let labels = Labels { title: Some(title.to_owned()), ..Labels::default() };
    let tx = db.begin().await.unwrap();
    jobs::relabel(&tx, job, &labels).await.unwrap();
    tx.commit().await.unwrap();
}

/// A job with a title and two sentences; its file is `entrevista año 1.m4a`.
async fn interview(engine: &Engine, workspace: WorkspaceId) -> Queued {
    let db = &engine.db;
    let queued = queue(db, workspace, job_options()).await;
    title(db, queued.job, "José's (draft) review").await;
    write(db, queued.job, queued.chunk, &["The merger of New", "York was AND is not: 50% off; x-ray*"]).await;
    index(db).await;
    queued
}

#[tokio::test]
async fn words_are_found_wherever_they_stand_without_case_and_accents() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let workspace = tenant(db, "acme").await.workspace;
        let job = BTreeSet::from([interview(engine, workspace).await.job]);
        for text in [
            "jose",
            "JOSÉ",
            "review",
            "ano",
            "AÑO",
            "entrevista",
            "m4a",
            "merger",
            "york",
            "  merger   jose ano ",
            "\"new york\"",
            "\"York was\"",
            "new-york",
            "merg*",
            "entrev* jos*",
            "\"año 1\"",
            "año-1",
            "x-ray*",
            "x-r*",
            "\"the merger of new york\"",
            "50%",
            "(draft)",
            "draft)",
            "\"draft",
            "AND",
            "not:",
            "and is not",
        ] {
            assert_eq!(found(db, workspace, text).await, job, "{text}");
        }
        for text in [
            "merge",
            "\"york new\"",
            "\"review entrevista\"",
            "\"1 m4a the\"",
            "merger OR absent",
            "NOT merger absent",
            "mer",
            "*",
            "\"",
            "\"\"",
            "-",
            ":",
            "' '",
            "( )",
            "%",
            "_",
            "merge_",
            "title:jose",
            "words:merger",
            "\\",
            "{a b}",
            "NEAR(merger, york)",
            "^merger^2 zzz",
            "ray*x",
        ] {
            assert_eq!(found(db, workspace, text).await, BTreeSet::new(), "{text}");
        }
    })
    .await;
}

#[tokio::test]
async fn another_workspaces_jobs_are_never_found() {
    on_each_engine(async |engine| {
        let workspace = tenant(&engine.db, "acme").await.workspace;
        let stranger = tenant(&engine.db, "globex").await.workspace;
        let own = interview(engine, workspace).await.job;
        let other = interview(engine, stranger).await.job;
        for text in ["merger", "mer*", "\"new york\"", "jose"] {
            assert_eq!(found(&engine.db, workspace, text).await, BTreeSet::from([own]));
            assert_eq!(found(&engine.db, stranger, text).await, BTreeSet::from([other]));
            assert!(found(&engine.db, WorkspaceId::new(), text).await.is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn the_index_follows_what_is_written_changed_and_deleted() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let workspace = tenant(db, "acme").await.workspace;
        let queued = interview(engine, workspace).await;
        let job = BTreeSet::from([queued.job]);
        write(db, queued.job, queued.chunk, &["Later news"]).await;
        let second = engine.insert_chunk(queued.job, 1).await;
        write(db, queued.job, second, &["from elsewhere"]).await;
        index(db).await;
        for text in ["later", "elsewhere merger jose", "\"off x ray later\""] {
            assert_eq!(found(db, workspace, text).await, job, "{text}");
        }
        assert!(found(db, workspace, "\"news from\"").await.is_empty(), "parts of a recording do not touch");

        engine.execute("UPDATE segments SET text = 'Sooner' WHERE text = 'Later news'", vec![]).await;
        engine.execute("DELETE FROM segments WHERE text = 'from elsewhere'", vec![]).await;
        engine.execute("UPDATE media SET file_name = 'voz.wav'", vec![]).await;
        title(db, queued.job, "Final").await;
        index(db).await;
        for text in ["later", "elsewhere", "jose", "ano"] {
            assert!(found(db, workspace, text).await.is_empty(), "{text}");
        }
        for text in ["sooner", "voz", "final", "merger"] {
            assert_eq!(found(db, workspace, text).await, job, "{text}");
        }

        let tx = db.begin().await.unwrap();
        jobs::delete(&tx, queued.job).await.unwrap();
        media::delete(&tx, queued.media.id).await.unwrap();
        tx.commit().await.unwrap();
        assert!(found(db, workspace, "merger").await.is_empty());
        index(db).await;
        for table in ["search_stale", "search_parts", "search_jobs"] {
            assert_eq!(engine.rows_of(table).await, 0, "{table}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_change_that_is_rolled_back_is_not_found() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let workspace = tenant(db, "acme").await.workspace;
        let queued = interview(engine, workspace).await;
        let tx = db.begin().await.unwrap();
        let text = Segment { text: "phantom".to_owned(), ..segment(7) };
        transcripts::insert(&tx, queued.job, queued.chunk, &[text]).await.unwrap();
        drop(tx);
        index(db).await;
        assert!(found(db, workspace, "phantom").await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_search_is_paged_sorted_and_filtered_like_any_list() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let workspace = tenant(db, "acme").await.workspace;
        let mut there = Vec::new();
        for nth in 0..9 {
            let queued = queue(db, workspace, job_options()).await;
            write(db, queued.job, queued.chunk, &[if nth % 3 == 0 { "other" } else { "wanted" }]).await;
            let tx = db.begin().await.unwrap();
            jobs::note_length(&tx, queued.job, 9_000 - nth).await.unwrap();
            tx.commit().await.unwrap();
            there.push((queued.job, nth));
        }
        index(db).await;
        let filter = Filter { search: Some(query("wanted")), max_audio_ms: Some(8_999), ..Filter::default() };
        for key in [SortKey::Created, SortKey::Duration] {
            let order = Order { key, descending: false };
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page = jobs::list(db, workspace, &filter, (order, after), 2).await.unwrap();
                let Some(last) = page.last() else { break };
                after = Some(order.place_of(last));
                seen.extend(page.into_iter().map(|job| job.id));
            }
            let wanted = there.iter().filter(|(_, nth)| nth % 3 != 0).map(|(job, _)| *job);
            let mut wanted: Vec<_> = wanted.collect();
            if key == SortKey::Duration {
                wanted.reverse();
            }
            assert_eq!(seen, wanted, "{key:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn highlights_say_where_something_was_found() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let workspace = tenant(db, "acme").await.workspace;
        let queued = interview(engine, workspace).await;
        let job = queued.look(db).await;
        let shown = async |text: &str| {
            let mut found = search::highlights(db, &query(text), std::slice::from_ref(&job)).await.unwrap();
            let highlights = found.remove(&job.id).unwrap();
            let show =
                |piece: &search::Piece| if piece.matches { format!("[{}]", piece.text) } else { piece.text.clone() };
            let shown = |highlight: &search::Highlight| {
                let text: String = highlight.pieces.iter().map(show).collect();
                (highlight.field, highlight.start_ms, text)
            };
            highlights.iter().map(shown).collect::<Vec<_>>()
        };
        let expected = [
            (Title, None, "[José]'s (draft) review".to_owned()),
            (FileName, None, "entrevista [año] 1.m4a".to_owned()),
            (Text, Some(2_000), "[York] [was] AND is not: 50% off; x-ray*".to_owned()),
        ];
        assert_eq!(shown("jose ano \"york was\" ").await.len(), 3);
        assert_eq!(shown("jose año york was").await, expected);
        let start = (Text, Some(0), "The [merger] of New".to_owned());
        assert_eq!(shown("mer*").await, [start]);
        assert_eq!(shown("absent").await, []);
    })
    .await;
}
