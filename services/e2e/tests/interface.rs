//! The whole interface, asked for whatever its document allows and forbids: every answer is as the document says, and
//! nothing is a fault of the server's. Schemathesis asks; its settings are in `dev/schemathesis.toml`.

use std::{env, process::Command};

use escriba_e2e::{Setup, Spoken, Stack};
use escriba_test_support::repo_root;
use reqwest::StatusCode;
use serde_json::Value;

/// Requests of each kind that are made up for each operation; `make fuzz` asks for more.
const EXAMPLES: &str = "40";
/// The same requests each time, so that a change breaks this test and chance does not; `make fuzz` takes others.
const SEED: &str = "1";
/// Without any luck at all there are more.
const LEAST_REQUESTS: u64 = 2_000;

#[tokio::test]
async fn every_answer_is_as_the_document_says() {
    let stack = Stack::start_with(Setup { gateway: vec![("REQUESTS_PER_MINUTE", "0")], ..Setup::default() }).await;
    let (_, keys) = stack.client.get("/v1/api-keys").await;
    let own_key = keys["items"][0]["id"].as_str().unwrap().to_owned();
    let job = stack.client.submit(&Spoken::english().file, &[("word_timestamps", "true")]).await;
    stack.client.complete(&job).await;
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let setting = |name: &str, usual: &str| env::var(name).unwrap_or_else(|_| usual.to_owned());

    let mut asking = Command::new(repo_root().join(".local/venv/bin/schemathesis"));
    asking.current_dir(repo_root()).env("ESCRIBA_KEY_ID", own_key).env("ESCRIBA_JOB_ID", &job);
    asking.args(["--config-file", "dev/schemathesis.toml", "run", "docs/openapi.json", "--checks", "all"]);
    asking.args(["--phases", "examples,coverage,fuzzing,stateful", "--workers", "2"]);
    asking.args(["--url", &stack.client.base_url, "--header", &format!("Authorization: Bearer {}", stack.client.key)]);
    asking.args(["--max-examples", &setting("FUZZ_EXAMPLES", EXAMPLES), "--seed", &setting("FUZZ_SEED", SEED)]);
    asking.args(["--report", "json", "--report-json-path"]).arg(&report);
    let ended = tokio::task::spawn_blocking(move || asking.output()).await.unwrap();
    let ended = ended.unwrap_or_else(|error| panic!("{error}; run `make setup-tests`"));
    let said = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");

    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    let requests = report["test_cases"]["generated"].as_u64().unwrap();
    assert!(requests >= LEAST_REQUESTS, "only {requests} requests were sent: {said}");
    eprintln!("{requests} requests were answered as the document says");
    // A key that opens nothing gets answers that the document describes, too.
    assert_eq!(stack.client.get("/v1/jobs").await.0, StatusCode::OK);
}
