//! What `escriba queue` and `escriba jobs` tell of a server's work, and that a job can be run again.

use std::process::{Command, Output, Stdio};

use super::{
    ended,
    played_server::{KEY, PlayedServer},
    text,
};

const JOB: &str = "019a9a3e-7c1b-7d52-8f64-000000000001";

fn escriba(server: &PlayedServer, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_escriba"));
    command.args(arguments).env_clear().env("ESCRIBA_URL", &server.url).env("ESCRIBA_API_KEY", KEY);
    ended(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

#[test]
fn the_queue_is_shown_to_people_and_to_programs() {
    let server = PlayedServer::start();
    let shown = escriba(&server, &["queue"]);
    assert!(shown.status.success(), "{}", text(&shown.stderr));
    let shown = text(&shown.stdout);
    for expected in ["14 (3)", "2 (1)", "about 40 s", "studio-4711", "2 of 2", "2026-01-31 12:00:00", "base 8.7×"] {
        assert!(shown.contains(expected), "no `{expected}` in:\n{shown}");
    }
    let json = escriba(&server, &["queue", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&json["lanes"][0]["own_waiting"], &json["workers"][0]["busy"]), (&3.into(), &2.into()));
}

#[test]
fn a_job_is_run_again_where_the_server_agrees() {
    let server = PlayedServer::start();
    let agreed = escriba(&server, &["jobs", "retry", JOB]);
    assert!(agreed.status.success(), "{}", text(&agreed.stderr));
    assert_eq!(text(&agreed.stderr), format!("Job {JOB} is queued again.\n"));
    let refused = escriba(&server, &["jobs", "retry", JOB]);
    assert_eq!(refused.status.code(), Some(1));
    let why = "escriba: The job is queued. Only a failed or canceled job can be run again. (job_not_over)\n";
    assert_eq!(text(&refused.stderr), why);
    server.heard(|heard| assert_eq!(heard.retried, [JOB]));
}
