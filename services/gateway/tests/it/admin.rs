//! The commands of the built program, as a person or a script calls them.

use std::process::{Command, Output};

use escriba_test_support::tenant;
use serde_json::{Value, json};

use crate::{
    stack::{Gateway, on_each_engine},
    worker::{Worker, done},
};

/// The program with these arguments and nothing but these settings.
fn command(arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_escriba-gateway"));
    command.args(arguments).env_clear().envs(settings.iter().copied()).output().unwrap()
}

fn run(gateway: &Gateway, arguments: &[&str]) -> Output {
    command(arguments, &[("DATABASE_URL", gateway.database_url()), ("STORAGE_URL", &gateway.storage_url())])
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_str(&succeeded(output)).unwrap()
}

/// The one line with which a command fails.
fn refusal(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    let line = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(line.lines().count(), 1, "{line}");
    line
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_is_listed_and_told_how_long_to_keep_things() {
    on_each_engine(async |gateway| {
        let database = [("DATABASE_URL", gateway.database_url())];
        let listed = succeeded(&command(&["workspaces"], &database));
        let lines: Vec<&str> = listed.lines().collect();
        assert_eq!(lines.len(), 2, "{listed}");
        assert!(lines[0].starts_with("ID ") && lines[1].starts_with(&gateway.workspace.to_string()), "{listed}");
        assert!(lines[1].contains("  local  ") && lines[1].ends_with("  none"), "{listed}");

        let changed = command(&["workspace", "local", "--keep-media-days", "30", "--json"], &database);
        let changed = json_of(&changed);
        assert_eq!((&changed["keep_media_days"], &changed["keep_transcripts_days"]), (&json!(30), &Value::Null));
        let id = gateway.workspace.to_string();
        let changed = command(&["workspace", &id, "--keep-transcripts-days=365"], &database);
        assert!(succeeded(&changed).contains("30 days           365 days"), "{changed:?}");
        succeeded(&command(&["workspace", "local", "--keep-media-days=forever"], &database));
        let all = json_of(&command(&["workspaces", "--json"], &database));
        let found = &all.as_array().unwrap()[0];
        assert_eq!((&found["id"], &found["name"]), (&json!(id), &json!("local")));
        assert_eq!((&found["keep_media_days"], &found["keep_transcripts_days"]), (&Value::Null, &json!(365)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspaces_limits_are_set_one_by_one_and_taken_away_again() {
    on_each_engine(async |gateway| {
        let change = |limits: &[&str]| json_of(&run(gateway, &[&["workspace", "local", "--json"], limits].concat()));
        let changed = change(&["--max-upload-bytes=5000000", "--max-audio-minutes=90"]);
        assert_eq!((&changed["max_upload_bytes"], &changed["max_audio_minutes"]), (&json!(5_000_000), &json!(90)));
        assert_eq!((&changed["max_unfinished_jobs"], &changed["requests_per_minute"]), (&Value::Null, &Value::Null));
        let changed = change(&["--max-unfinished-jobs=3", "--requests-per-minute=600", "--max-upload-bytes=unlimited"]);
        assert_eq!((&changed["max_upload_bytes"], &changed["max_audio_minutes"]), (&Value::Null, &json!(90)));
        assert_eq!((&changed["max_unfinished_jobs"], &changed["requests_per_minute"]), (&json!(3), &json!(600)));
        let told = succeeded(&run(gateway, &["workspaces"]));
        assert!(told.ends_with("90 min a recording, 3 unfinished jobs, 600 requests/min\n"), "{told}");
        let seen: Value = gateway.get("/v1/capabilities").await.json().await.unwrap();
        assert_eq!(seen["limits"]["max_duration"], 5_400.0);
        let wrong = refusal(&run(gateway, &["workspace", "local", "--max-unfinished-jobs=0"]));
        assert!(wrong.contains("use a whole number from 1, or `unlimited`"), "{wrong}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_that_is_not_named_clearly_is_not_changed() {
    on_each_engine(async |gateway| {
        let change = |named: &str| refusal(&run(gateway, &["workspace", named, "--keep-media-days=1"]));
        assert!(change("nowhere").contains("there is no workspace `nowhere`; `escriba-gateway workspaces` lists all"));
        let twin = tenant(&gateway.db, "local").await.workspace;
        let line = change("local");
        assert!(line.contains("the name of 2 workspaces") && line.contains(&twin.to_string()), "{line}");
        let days = refusal(&run(gateway, &["workspace", "local", "--keep-media-days=30d"]));
        assert!(days.contains("use days from 0 to 36500, or `forever`"), "{days}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_runs_beside_a_gateway_that_tells_of_it() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        Worker::claim(gateway, &item).await.commit(done(1_000)).await;
        succeeded(&run(gateway, &["workspace", "local", "--keep-transcripts-days=0"]));
        let dry = json_of(&run(gateway, &["retention", "--dry-run", "--json"]));
        assert_eq!(dry["jobs"]["count"], 1);
        assert_eq!(gateway.job(item.job_id).await["state"], "completed");
        let table = succeeded(&run(gateway, &["retention"]));
        assert!(table.lines().any(|line| line.starts_with("jobs with their transcripts") && line.ends_with("deleted")));
        let names = gateway.event_names_until(item.job_id, "deleted").await;
        assert_eq!(names, ["queued", "started", "completed", "deleted"]);
        assert_eq!(gateway.stored_files(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_says_what_it_found() {
    on_each_engine(async |gateway| {
        gateway.submit().await;
        std::fs::write(gateway.storage().join("notes.txt"), "x").unwrap();
        let report = json_of(&run(gateway, &["sweep", "--dry-run", "--older-than", "0s", "--json"]));
        assert_eq!(report["kept"]["count"], 1);
        assert_eq!(report["unknown"], json!({ "count": 1, "names": ["notes.txt"] }));
        let table = succeeded(&run(gateway, &["sweep"]));
        assert!(table.ends_with("nothing of ours: notes.txt\n"), "{table}");
        let young = refusal(&run(gateway, &["sweep", "--older-than=10m"]));
        assert!(young.contains("at least 1h old can be swept"), "{young}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_keep_to_the_rules_for_settings() {
    on_each_engine(async |gateway| {
        let file = gateway.folder().join("database-url");
        std::fs::write(&file, format!("{}\n", gateway.database_url())).unwrap();
        let secret = [("DATABASE_URL_FILE", file.to_str().unwrap())];
        succeeded(&command(&["workspaces"], &secret));
        let elsewhere = command(&["workspaces", "--database-url=mysql://x"], &secret);
        assert!(refusal(&elsewhere).contains("it must start with sqlite:// or postgres://"), "a flag wins over a file");

        let database = ("DATABASE_URL", gateway.database_url());
        assert!(refusal(&command(&["workspaces"], &[])).contains("--database-url"));
        assert!(refusal(&command(&["sweep"], &[database])).contains("--storage-url <STORAGE_URL>"));
        let misspelt = command(&["workspaces"], &[database, ("ORPHAN_AEG", "24h")]);
        assert!(refusal(&misspelt).contains("ORPHAN_AEG is not a setting; did you mean ORPHAN_AGE?"));
        assert!(refusal(&command(&[], &[database])).contains("--storage-url"), "without a command it serves");
    })
    .await;
}

#[test]
fn a_database_without_tables_is_not_taken_for_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("other.db").display());
    let line = refusal(&command(&["workspaces", "--database-url", &url], &[]));
    assert!(line.contains("start a gateway on it first"), "{line}");
}
