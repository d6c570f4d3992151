//! The command line does the whole job on one machine: subtitles on standard output and nothing else, a key that only
//! its owner can read, an exit code that scripts can trust, and no process left behind.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use escriba_domain::FailureCode;
use escriba_e2e::{
    Spoken, Stack, Studio, Turn, ports, processes, programs,
    subtitles::{self, read_srt, read_vtt},
    words::assert_same_words,
};
use escriba_test_support::eventually;
use tokio::time::timeout;

/// Far longer than any command here takes; it turns a hang into a failure.
const PATIENCE: Duration = Duration::from_mins(5);

#[tokio::test]
async fn up_once_prints_subtitles_and_leaves_nothing() {
    let _turn = Turn::take();
    let studio = Studio::default();
    let data = studio.path("data");
    let english = Spoken::english();

    let printed = up_once(&data, &english, "srt").await;
    let cues = read_srt(&printed).unwrap_or_else(|error| panic!("{error} in\n{printed}"));
    assert_same_words(&subtitles::text(&cues), &english.text, "the first start");
    let key = fs::metadata(data.join("api-key")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    let key = fs::read(data.join("api-key")).unwrap();

    let printed = up_once(&data, &english, "txt").await;
    assert_same_words(&printed, &english.text, "a second start on the same folder");
    assert_eq!(fs::read(data.join("api-key")).unwrap(), key, "the key stays");
}

async fn up_once(data: &Path, spoken: &Spoken, format: &str) -> String {
    let [address] = ports::choose::<1>().map(|address| address.to_string());
    let (data_dir, models) = (data.to_str().unwrap(), programs::models_dir());
    let recording = spoken.file.to_str().unwrap();
    let output = escriba(&[
        ["up", "--data-dir", data_dir, "--http-addr", &address].as_slice(),
        &["--models-dir", models.to_str().unwrap(), "--transcribe", recording, "--once", "--format", format],
    ])
    .await;
    assert!(output.status.success(), "{}", said(&output));
    eventually("all processes of the stack have ended", async || processes::of_folder(data).is_empty().then_some(()))
        .await;
    assert!(!data.join("stack.json").exists(), "it says that it no longer runs");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn files_become_transcripts_and_failures_become_sentences() {
    let stack = Stack::start().await;
    let studio = Studio::default();
    let (english, spanish) = (Spoken::english(), Spoken::spanish());
    let folder = studio.path("subtitles");
    let server = ["--server", &stack.client.base_url, "--api-key", &stack.client.key];
    let vtt = ["--format", "vtt", "--output", folder.to_str().unwrap()];

    let files = ["transcribe", english.file.to_str().unwrap(), spanish.file.to_str().unwrap()];
    let output = escriba(&[files.as_slice(), &vtt, &server]).await;
    assert!(output.status.success(), "{}", said(&output));
    assert!(output.stdout.is_empty(), "{}", said(&output));
    for (name, spoken) in [("english.vtt", &english), ("spanish.vtt", &spanish)] {
        let written = fs::read_to_string(folder.join(name)).unwrap();
        let cues = read_vtt(&written).unwrap_or_else(|error| panic!("{error} in\n{written}"));
        assert_same_words(&subtitles::text(&cues), &spoken.text, name);
    }

    // One bad file among good ones: those are done all the same.
    let letter = studio.write("letter.mp3", "Dear reader, this is no recording.\n");
    let files = ["transcribe", letter.to_str().unwrap(), english.file.to_str().unwrap(), "--format", "txt"];
    let output = escriba(&[files.as_slice(), &server]).await;
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let told = String::from_utf8_lossy(&output.stderr);
    let code = FailureCode::MediaUnrecognized;
    assert!(told.contains("letter.mp3") && told.contains(code.sentence()), "{}", said(&output));
    assert_same_words(&String::from_utf8_lossy(&output.stdout), &english.text, "the good file");

    // A file that is not there is a sentence too, and no job.
    let missing = studio.path("missing.mp3");
    let output = escriba(&[["transcribe", missing.to_str().unwrap()].as_slice(), &server]).await;
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(String::from_utf8_lossy(&output.stderr).contains("missing.mp3"), "{}", said(&output));
    stack.assert_nothing_is_left().await;
}

async fn escriba(arguments: &[&[&str]]) -> Output {
    let mut command = programs::command(&programs::program("escriba"));
    command.args(arguments.concat()).stdin(Stdio::null());
    let running = tokio::process::Command::from(command).kill_on_drop(true).output();
    timeout(PATIENCE, running).await.expect("the command ends").expect("the command can be started")
}

fn said(output: &Output) -> String {
    let (printed, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{}\n--- printed:\n{printed}\n--- told:\n{told}", output.status)
}
