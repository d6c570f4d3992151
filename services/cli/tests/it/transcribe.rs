//! What `escriba transcribe` promises: transcripts alone on standard output, in order; one bad file spoils no other;
//! broken connections do not matter; Ctrl-C leaves no job running.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use rustix::process::Signal;

use super::{
    ended, eventually,
    played_server::{BAD, ENDLESS, KEY, PlayedServer, WAITING},
    signal, text,
};

fn transcribe(server: &PlayedServer, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_escriba"));
    command.arg("transcribe").args(arguments).current_dir(folder);
    command.env_clear().env("ESCRIBA_URL", &server.url).env("ESCRIBA_API_KEY", KEY);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(command: &mut Command) -> Output {
    ended(command.spawn().unwrap())
}

#[test]
fn one_bad_file_spoils_no_other() {
    let (server, folder) = (PlayedServer::start(), tempfile::tempdir().unwrap());
    for (name, content) in [("one.mp3", &b"one"[..]), ("two.mp3", BAD), ("three.mp3", b"three")] {
        fs::write(folder.path().join(name), content).unwrap();
    }
    let files = ["one.mp3", "two.mp3", "missing.mp3", "three.mp3"];
    let output = run(&mut transcribe(&server, folder.path(), &files));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "format=srt of one\nformat=srt of three\n");
    let told = text(&output.stderr);
    for expected in [
        "one.mp3: 11 s transcribed in 2.0 s (5.5×), language en",
        "one.mp3: warning: The recording ends early. (cut_short)",
        "one.mp3: 2 repetitions left out\n",
        "two.mp3: failed: It has no sound. (no_audio)",
        "missing.mp3: failed: the file cannot be read: No such file",
    ] {
        assert!(told.contains(expected), "no `{expected}` in:\n{told}");
    }
}

#[test]
fn options_come_before_the_file_and_a_broken_stream_is_taken_up_again() {
    let (server, folder) = (PlayedServer::start(), tempfile::tempdir().unwrap());
    fs::write(folder.path().join("talk.mp3"), "talk").unwrap();
    let options = ["--language", "es", "--word-timestamps", "--format", "vtt", "--output", "talk.vtt", "talk.mp3"];
    let output = run(&mut transcribe(&server, folder.path(), &options));
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(output.stdout.is_empty());
    assert_eq!(fs::read_to_string(folder.path().join("talk.vtt")).unwrap(), "format=vtt of talk\n");

    let fields = [("language", "es"), ("word_timestamps", "true"), ("media", "talk.mp3")];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    server.heard(|heard| {
        assert_eq!(heard.uploads, [fields]);
        assert_eq!(heard.resumed_from, [None, Some("2".to_owned())]);
    });
}

#[test]
fn what_is_asked_of_speech_reaches_the_server() {
    let (server, folder) = (PlayedServer::start(), tempfile::tempdir().unwrap());
    fs::write(folder.path().join("call.mkv"), "call").unwrap();
    let options = [
        &["--languages", "en, es", "--multilingual", "--hotwords", "Escriba, Jet Stream"][..],
        &["--channels", "separate", "--audio-track", "spa", "call.mkv"],
    ];
    let output = run(&mut transcribe(&server, folder.path(), &options.concat()));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let fields = [
        ("languages", "en,es"),
        ("multilingual", "true"),
        ("hotwords", "Escriba,Jet Stream"),
        ("channels", "separate"),
        ("audio_track", "spa"),
        ("media", "call.mkv"),
    ];
    server.heard(|heard| assert_eq!(heard.uploads, [fields.map(|(name, value)| (name.to_owned(), value.to_owned()))]));
}

#[test]
fn what_contradicts_itself_is_refused_before_anything_is_sent() {
    let (server, folder) = (PlayedServer::start(), tempfile::tempdir().unwrap());
    fs::write(folder.path().join("talk.mp3"), "talk").unwrap();
    for (options, says) in [
        (&["--language", "en", "--languages", "en,es"][..], "--language"),
        (&["--language", "en", "--multilingual"], "--multilingual"),
        (&["--languages", "en,klingon"], "`klingon` is not a known language"),
        (&["--hotwords", "a,,b"], "there is an empty word"),
        (&["--channels", "left"], "mix, separate"),
        (&["--audio-track", "0"], "counted from 1"),
    ] {
        let output = run(&mut transcribe(&server, folder.path(), &[options, &["talk.mp3"]].concat()));
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(says), "{}", text(&output.stderr));
    }
    server.heard(|heard| assert!(heard.uploads.is_empty()));
}

#[test]
fn ctrl_c_cancels_what_was_started() {
    let (server, folder) = (PlayedServer::start(), tempfile::tempdir().unwrap());
    fs::write(folder.path().join("long.mp3"), ENDLESS).unwrap();
    let child = transcribe(&server, folder.path(), &["long.mp3"]).spawn().unwrap();
    eventually("the job was followed", || server.heard(|heard| (!heard.resumed_from.is_empty()).then_some(())));
    signal(child.id(), Signal::INT);
    let output = ended(child);
    assert_eq!(output.status.code(), Some(130));
    assert!(text(&output.stderr).contains("Interrupted; the unfinished job was canceled."));
    server.heard(|heard| assert_eq!(heard.canceled.len(), 1));
}

#[test]
fn who_waits_is_told_the_place() {
    let (server, folder) = (PlayedServer::start(), tempfile::tempdir().unwrap());
    fs::write(folder.path().join("talk.mp3"), WAITING).unwrap();
    let told = fs::File::create(folder.path().join("told")).unwrap();
    let mut child = transcribe(&server, folder.path(), &["talk.mp3"]).stderr(told).spawn().unwrap();
    eventually("the place is told", || {
        let told = fs::read_to_string(folder.path().join("told")).unwrap();
        told.contains("talk.mp3: waiting, place 3 (about 40 s)\n").then_some(())
    });
    signal(child.id(), Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_refusal_is_one_plain_sentence() {
    let (server, folder) = (PlayedServer::start(), tempfile::tempdir().unwrap());
    fs::write(folder.path().join("talk.mp3"), "talk").unwrap();
    let output = run(transcribe(&server, folder.path(), &["talk.mp3"]).env("ESCRIBA_API_KEY", "wrong"));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).ends_with("talk.mp3: failed: The key is not known. (unknown_key)\n"));
}
