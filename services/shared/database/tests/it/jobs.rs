//! Jobs: every column comes back as it went in, changes touch what they name, lists and pages are right.

use escriba_database::{
    Database,
    jobs::{self, Ending, Failure, Progress},
    media,
};
use escriba_domain::{
    AudioTrack, Channels, FailureCode, JobId, JobOptions, JobState, Labels, Lane, Language, Statistics, Task, Warning,
};
use escriba_test_support::{job_options, segment, tenant};

use crate::{
    engines::on_each_engine,
    rows::{Queued, media_of, queue, queued_job, trace},
};

fn every_option() -> JobOptions {
    JobOptions {
        language: Some("yue".parse().unwrap()),
        languages: vec![Language::ENGLISH, "es".parse().unwrap()],
        multilingual: true,
        task: Task::Translate,
        model: "large-v3-turbo-q5_0".parse().unwrap(),
        lane: Lane::Batch,
        prompt: Some("Escriba, 'comillas' \"dobles\" \\ ñ 語 \u{1F399}".to_owned()),
        hotwords: vec!["O'Brien, \"Ñ\"".to_owned(), "語".to_owned()],
        channels: Channels::Separate,
        audio_track: Some(AudioTrack::Language("spa".to_owned())),
        word_timestamps: true,
    }
}

#[tokio::test]
async fn a_job_comes_back_as_it_was_accepted() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let workspace = tenant(db, "acme").await.workspace;
        for options in [every_option(), job_options()] {
            let queued = queue(db, workspace, options.clone()).await;
            let job = queued.look(db).await;
            assert_eq!((job.id, job.workspace, job.media), (queued.job, workspace, queued.media.id));
            assert_eq!(job.options, options);
            assert_eq!(job.file_name, queued.media.file_name);
            assert_eq!(job.media_bytes, queued.media.size_bytes);
            assert_eq!(job.media_sha256, queued.media.sha256);
            assert_eq!(job.trace, trace());
            assert_eq!((job.state, job.transcript_version), (JobState::Queued, 1));
            assert_eq!((job.processed_ms, job.processing_ms, job.audio_ms), (0, 0, None));
            assert_eq!((job.time_left_ms, job.statistics), (None, Statistics::default()));
            assert_eq!((job.spoken_language, job.failure, job.warnings), (None, None, vec![]));
            assert_eq!((job.started_at, job.finished_at), (None, None));
        }
    })
    .await;
}

#[tokio::test]
async fn each_change_touches_the_columns_it_names_and_no_others() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let queued = queued_job(db).await;
        let bystander = queue(db, queued.workspace, job_options()).await;

        let tx = db.begin().await.unwrap();
        let now = tx.now();
        jobs::start(&tx, queued.job).await.unwrap();
        jobs::note_progress(&tx, queued.job, reached(4_000, None)).await.unwrap();
        jobs::note_language(&tx, queued.job, Language::ENGLISH).await.unwrap();
        jobs::add_processing(&tx, queued.job, 700).await.unwrap();
        jobs::add_processing(&tx, queued.job, 300).await.unwrap();
        tx.commit().await.unwrap();
        let running = queued.look(db).await;
        assert_eq!((running.state, running.started_at), (JobState::Running, Some(now)));
        assert_eq!((running.processed_ms, running.audio_ms, running.processing_ms), (4_000, None, 1_000));
        assert_eq!(running.spoken_language, Some(Language::ENGLISH));

        let tx = db.begin().await.unwrap();
        let timed = Progress { time_left_ms: Some(5 << 32), ..reached(6_000, Some(10 * 60 * 60 * 1_000)) };
        jobs::note_progress(&tx, queued.job, timed).await.unwrap();
        tx.commit().await.unwrap();
        let further = queued.look(db).await;
        assert_eq!((further.processed_ms, further.audio_ms), (6_000, Some(36_000_000)));
        assert_eq!(further.time_left_ms, Some(5 << 32));
        assert_eq!(further.started_at, running.started_at);

        let tx = db.begin().await.unwrap();
        jobs::note_time_left(&tx, queued.job, None).await.unwrap();
        tx.commit().await.unwrap();
        let forgotten = queued.look(db).await;
        assert_eq!((forgotten.time_left_ms, forgotten.processed_ms), (None, 6_000));

        let untouched = bystander.look(db).await;
        assert_eq!((untouched.state, untouched.processed_ms, untouched.processing_ms), (JobState::Queued, 0, 0));
    })
    .await;
}

const fn reached(processed_ms: u64, audio_ms: Option<u64>) -> Progress {
    Progress { processed_ms, audio_ms, time_left_ms: None }
}

#[tokio::test]
async fn statistics_add_up_over_a_job_and_go_with_what_is_rolled_back() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let queued = queued_job(db).await;
        let first = Statistics { speech_ms: 5 << 32, windows: 2, dropped_loops: 1, ..Statistics::default() };
        let second = Statistics { speech_ms: 1, hotter_windows: 1, dropped_phantoms: 4, ..Statistics::default() };
        for (more, kept) in [(first, true), (first, false), (second, true)] {
            let tx = db.begin().await.unwrap();
            let job = jobs::lock(&tx, queued.job).await.unwrap().unwrap();
            jobs::add_statistics(&tx, &job, more).await.unwrap();
            if kept {
                tx.commit().await.unwrap();
            }
        }
        let mut sum = first;
        sum += second;
        assert_eq!(queued.look(db).await.statistics, sum);
    })
    .await;
}

#[tokio::test]
async fn a_job_ends_in_one_of_three_ways() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let warnings = vec![Warning { code: "media_truncated".to_owned(), message: "It breaks off.".to_owned() }];
        let completed = ended(db, &Ending::Completed, &warnings).await;
        assert_eq!((completed.state, completed.warnings), (JobState::Completed, warnings));
        assert_eq!((completed.audio_ms, completed.processed_ms), (Some(11_000), 11_000));

        let code = FailureCode::MediaNoAudio;
        let failure = Failure { code: code.to_string(), message: code.sentence().to_owned() };
        let failed = ended(db, &Ending::Failed(failure.clone()), &[]).await;
        assert_eq!((failed.state, failed.failure), (JobState::Failed, Some(failure)));

        let canceled = ended(db, &Ending::Canceled, &[]).await;
        assert_eq!((canceled.state, canceled.failure), (JobState::Canceled, None));
    })
    .await;
}

async fn ended(db: &Database, ending: &Ending, warnings: &[Warning]) -> jobs::Job {
    let queued = queued_job(db).await;
    let tx = db.begin().await.unwrap();
    let now = tx.now();
    jobs::note_decoded(&tx, queued.job, 11_000, warnings).await.unwrap();
    let job = jobs::lock(&tx, queued.job).await.unwrap().unwrap();
    jobs::finish(&tx, &job, ending).await.unwrap();
    tx.commit().await.unwrap();
    let job = queued.look(db).await;
    assert_eq!(job.finished_at, Some(now));
    assert_eq!(jobs::find(db, queued.workspace, queued.job).await.unwrap().unwrap().state, ending.state());
    job
}

#[tokio::test]
async fn a_job_is_found_by_its_own_workspace_alone_but_locked_by_its_id() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let queued = queued_job(db).await;
        let stranger = tenant(db, "globex").await.workspace;
        assert!(jobs::find(db, stranger, queued.job).await.unwrap().is_none());
        assert!(jobs::find(db, queued.workspace, JobId::new()).await.unwrap().is_none());
        let tx = db.begin().await.unwrap();
        assert_eq!(jobs::lock(&tx, queued.job).await.unwrap().unwrap().workspace, queued.workspace);
        assert!(jobs::lock(&tx, JobId::new()).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn labels_come_back_and_are_replaced_as_a_whole() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let queued = queued_job(db).await;
        assert_eq!(queued.look(db).await.labels, Labels::default());
        let written = Labels {
            title: Some("Año 1: \"Ñ\" 'q' \\".to_owned()),
            tags: vec!["z".to_owned(), "語 1".to_owned()],
            metadata: [("k \"x\"".to_owned(), "v\n\u{1F399}".to_owned())].into(),
        };
        for labels in [written, Labels { tags: vec!["z".to_owned()], ..Labels::default() }, Labels::default()] {
            let tx = db.begin().await.unwrap();
            jobs::relabel(&tx, queued.job, &labels).await.unwrap();
            tx.commit().await.unwrap();
            assert_eq!(queued.look(db).await.labels, labels);
            assert_eq!(engine.rows_of("job_tags").await, i64::try_from(labels.tags.len()).unwrap());
        }
    })
    .await;
}

#[tokio::test]
async fn deleting_a_job_takes_its_chunks_and_segments_and_then_its_media_along() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let queued = queued_job(db).await;
        let kept = queue(db, queued.workspace, job_options()).await;
        let tx = db.begin().await.unwrap();
        for (job, chunk) in [(queued.job, queued.chunk), (kept.job, kept.chunk)] {
            escriba_database::transcripts::insert(&tx, job, chunk, &[segment(0), segment(1)]).await.unwrap();
        }
        tx.commit().await.unwrap();

        let tx = db.begin().await.unwrap();
        assert!(media::delete(&tx, queued.media.id).await.is_err(), "a job without its media could not be read");
        drop(tx);
        let tx = db.begin().await.unwrap();
        jobs::delete(&tx, queued.job).await.unwrap();
        media::delete(&tx, queued.media.id).await.unwrap();
        tx.commit().await.unwrap();

        assert!(jobs::find(db, queued.workspace, queued.job).await.unwrap().is_none());
        kept.look(db).await;
        for (table, left) in [("jobs", 1), ("chunks", 1), ("segments", 2), ("media", 1)] {
            assert_eq!(engine.rows_of(table).await, left, "{table}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_job_needs_media_that_is_there() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let Queued { workspace, .. } = queued_job(db).await;
        let media = media_of(workspace);
        let new = jobs::NewJob {
            id: JobId::new(),
            workspace,
            media: media.id,
            options: job_options(),
            labels: Labels::default(),
            redo: None,
            trace: trace(),
        };
        let tx = db.begin().await.unwrap();
        let refused = match jobs::insert(&tx, &new).await {
            Ok(()) => tx.commit().await,
            refused => refused,
        };
        assert!(refused.is_err());
        assert!(jobs::find(db, workspace, new.id).await.unwrap().is_none());
    })
    .await;
}
