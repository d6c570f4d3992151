//! What `escriba up` promises about its children: they come back when they crash, go in order, and none is left.

use std::fs;

use rustix::process::Signal;

use super::{ended, eventually, lives, played_stack::PlayedStack, signal, text};

#[test]
fn services_stop_in_order_and_leave_nothing() {
    let stack = PlayedStack::install();
    let up = stack.up(&[]);
    let printed = stack.stop(up);
    assert_eq!(stack.stops(), ["transcriber", "gateway", "export", "nats-server"]);
    for expected in ["gateway     | this is gateway", "Escriba is ready", "/docs", "Escriba has stopped"] {
        assert!(printed.contains(expected), "no `{expected}` in:\n{printed}");
    }
    let log = fs::read_to_string(stack.data().join("escriba.log")).unwrap();
    assert!(log.contains("transcriber | this is transcriber"), "{log}");
}

#[test]
fn a_crashed_service_comes_back() {
    let stack = PlayedStack::install();
    let up = stack.up(&[]);
    let first = stack.processes("transcriber")[0];
    signal(first, Signal::KILL);
    let second = eventually("the transcriber came back", || stack.processes("transcriber").get(1).copied());
    assert!(lives(second) && !lives(first));
    let printed = stack.stop(up);
    assert!(printed.contains("transcriber ended unexpectedly (signal: 9 (SIGKILL)); starting it again"), "{printed}");
}

#[test]
fn nobody_outlives_a_supervisor_that_was_killed() {
    let stack = PlayedStack::install();
    let mut up = stack.up(&[]);
    signal(up.id(), Signal::KILL);
    up.wait().unwrap();
    let processes = stack.all_processes();
    assert_eq!(processes.len(), 4);
    eventually("all services ended", || processes.iter().all(|process| !lives(*process)).then_some(()));

    // Its record of where it runs is not believed any more, and does not keep the next one from starting.
    let jobs = stack.command(&["jobs", "list"]).output().unwrap();
    assert!(text(&jobs.stderr).contains("No Escriba runs on this machine"), "{}", text(&jobs.stderr));
    fs::remove_file(stack.data().join("stack.json")).unwrap();
    let up = stack.up(&[]);
    stack.stop(up);
}

#[test]
fn a_second_ctrl_c_does_not_wait() {
    let stack = PlayedStack::install();
    let up = stack.up(&[("PLAY_STUBBORN", "transcriber")]);
    signal(up.id(), Signal::INT);
    eventually("the transcriber was asked to stop", || (!stack.stops().is_empty()).then_some(()));
    signal(up.id(), Signal::INT);
    let output = ended(up);
    assert!(text(&output.stderr).contains("transcriber did not end by itself and was killed"));
    stack.assert_nothing_is_left();
}

#[test]
fn a_service_that_cannot_start_ends_it_all_with_its_last_words() {
    let stack = PlayedStack::install();
    let up = stack.command(&["up"]).env("PLAY_BROKEN", "gateway").spawn().unwrap();
    let output = ended(up);
    assert_eq!(output.status.code(), Some(1));
    let printed = text(&output.stderr);
    assert!(printed.contains("gateway ends as soon as it starts. Its last lines were:"), "{printed}");
    assert!(printed.ends_with("gateway has no will to live\n"), "{printed}");
    assert_eq!(stack.processes("gateway").len(), 3);
    assert!(stack.processes("transcriber").is_empty());
    stack.assert_nothing_is_left();
}

#[test]
fn a_second_one_says_where_the_first_runs() {
    let stack = PlayedStack::install();
    let up = stack.up(&[]);
    let second = stack.command(&["up"]).output().unwrap();
    assert!(second.status.success());
    let printed = text(&second.stderr);
    assert!(printed.starts_with("Escriba already runs at http://127.0.0.1:"), "{printed}");
    assert_eq!(stack.all_processes().len(), 4);
    stack.stop(up);
}

#[test]
fn an_old_nats_server_is_refused_with_a_way_out() {
    let stack = PlayedStack::install();
    let old = stack.data().join("old-nats");
    fs::write(&old, "#!/bin/sh\necho nats-server: v2.9.10\n").unwrap();
    fs::set_permissions(&old, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let refused = stack.command(&["up", "--nats-server"]).arg(&old).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let printed = text(&refused.stderr);
    assert!(printed.contains("is nats-server 2.9.10, but Escriba needs 2.12.12 or newer. Get it with"), "{printed}");
    assert!(stack.all_processes().is_empty());
}

#[test]
fn the_doctor_finds_what_is_here_and_what_is_not() {
    let stack = PlayedStack::install();
    let up = stack.up(&[]);
    let report = stack.command(&["doctor", "--json"]).output().unwrap();
    let findings: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
    let verdict = |subject: &str| {
        let finding = findings.as_array().unwrap().iter().find(|finding| finding["subject"] == subject);
        finding.unwrap_or_else(|| panic!("{subject} is not in {findings}"))["verdict"].as_str().unwrap().to_owned()
    };
    for subject in ["escriba-gateway", "nats-server", "gateway", "transcriber", "model played", "data folder"] {
        assert_eq!(verdict(subject), "fine", "{subject}");
    }
    // The played gateway has no API to know the key.
    assert_eq!(verdict("API key"), "problem");
    assert_eq!(report.status.code(), Some(1));
    stack.stop(up);
}
