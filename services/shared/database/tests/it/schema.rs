//! The schema goes up, all the way down, and up again.

use escriba_database::Database;
use escriba_domain::{Channels, JobId, Statistics};
use escriba_test_support::databases;

use crate::{
    engines::on_each_engine,
    rows::{Queued, queued_job},
};

/// A table, index or constraint that `down` forgot would stop the second `up`.
#[tokio::test]
async fn the_schema_goes_down_to_nothing_and_works_again_after_that() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let before = queued_job(db).await;
        db.unmigrate().await.unwrap();
        assert_eq!(engine.rows_of("seaql_migrations").await, 0);
        db.migrate().await.unwrap();
        let after = queued_job(db).await;
        assert_eq!(engine.rows_of("jobs").await, 1, "what was there before is gone");
        assert_ne!(after.job, before.job);
        after.look(db).await;
    })
    .await;
}

/// As a gateway of the release before writes one while this one starts.
#[tokio::test]
async fn a_job_that_knows_nothing_of_newer_columns_gets_what_was_usual() {
    on_each_engine(async |engine| {
        let db = &engine.db;
        let queued = queued_job(db).await;
        let older = JobId::new();
        let columns = "workspace_id, media_id, state, task, model, lane, word_timestamps, warnings, trace_context, \
                       created_at";
        let sql = format!("INSERT INTO jobs (id, {columns}) SELECT $1, {columns} FROM jobs");
        assert_eq!(engine.execute(&sql, vec![older.as_uuid().into()]).await, 1);
        let job = Queued { job: older, ..queued }.look(db).await;
        assert_eq!((job.options.languages, job.options.hotwords), (vec![], vec![]));
        assert_eq!((job.options.channels, job.options.multilingual), (Channels::Mix, false));
        assert_eq!((job.options.audio_track, job.statistics), (None, Statistics::default()));
    })
    .await;
}

#[tokio::test]
async fn bringing_a_current_schema_up_to_date_changes_nothing() {
    on_each_engine(async |engine| {
        let queued = queued_job(&engine.db).await;
        let another = Database::connect(&engine.url).await.unwrap();
        another.migrate().await.unwrap();
        queued.look(&another).await;
    })
    .await;
}

#[tokio::test]
async fn a_database_that_was_never_brought_up_says_so_and_does_not_panic() {
    for database in databases() {
        let db = Database::connect(&database.url).await.unwrap();
        db.ping().await.unwrap();
        assert!(escriba_database::outbox::count(&db).await.is_err());
    }
}

#[tokio::test]
async fn a_url_of_another_kind_is_refused_with_its_reason() {
    let error = Database::connect("mysql://somewhere").await.unwrap_err();
    assert_eq!(error.to_string(), "DATABASE_URL is not usable: it must start with sqlite:// or postgres://");
}
