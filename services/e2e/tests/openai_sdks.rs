//! OpenAI's own libraries work as they are, given another address and key: every format, streams, models, errors, and a
//! program that gives up waiting and asks again, which starts no second job. The programs are in `clients/`.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use escriba_e2e::{
    Spoken, Stack, Studio, programs,
    subtitles::{self, read_srt, read_vtt},
    words::assert_same_words,
};
use escriba_test_support::repo_root;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout},
    time::timeout,
};

/// Far longer than any of this takes; it turns a hang into a failure.
const PATIENCE: Duration = Duration::from_mins(8);
/// Formats whose answer is the text, or holds it.
const TEXTS: [&str; 6] = ["json", "text", "verbose_json", "logprobs", "diarized_json", "stream"];

/// A program and what runs it.
struct Program {
    interpreter: PathBuf,
    script: PathBuf,
}

impl Program {
    fn python() -> Self {
        Self::new("venv/bin/python", "openai_python.py")
    }

    fn javascript() -> Self {
        Self::new("bin/node", "openai_javascript.mjs")
    }

    fn new(interpreter: &str, script: &str) -> Self {
        let interpreter = repo_root().join(".local").join(interpreter);
        assert!(interpreter.is_file(), "there is no {}: run `make setup-tests`", interpreter.display());
        Self { interpreter, script: repo_root().join("services/e2e/clients").join(script) }
    }

    fn start(&self, stack: &Stack, command: &str, files: &[&Path]) -> (Child, Lines<BufReader<ChildStdout>>) {
        let url = format!("{}/v1", stack.client.base_url);
        let mut program = programs::command(&self.interpreter);
        program.arg(&self.script).args([command, &url, &stack.client.key]).args(files.iter().map(OsStr::new));
        program.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = tokio::process::Command::from(program).kill_on_drop(true).spawn().expect("it can be started");
        let output = child.stdout.take().expect("its output is piped");
        (child, BufReader::new(output).lines())
    }
}

/// What it printed last, once it has ended well.
async fn result(mut child: Child, mut lines: Lines<BufReader<ChildStdout>>) -> Value {
    let ending = async {
        let mut last = String::new();
        while let Some(line) = lines.next_line().await.expect("it prints text") {
            last = line;
        }
        (child.wait().await.expect("it can be waited for"), last)
    };
    let (status, last) = timeout(PATIENCE, ending).await.expect("it ends");
    assert!(status.success(), "{status}");
    serde_json::from_str(&last).unwrap_or_else(|error| panic!("{error} in {last}"))
}

async fn finds_everything(program: Program) {
    let (stack, studio) = (Stack::start().await, Studio::default());
    let (english, spanish) = (Spoken::english(), Spoken::spanish());
    let letter = studio.write("letter.mp3", "Dear reader, this is no recording.\n");
    let (child, lines) = program.start(&stack, "all", &[&english.file, &spanish.file, &letter]);
    let texts = result(child, lines).await;
    for format in TEXTS {
        assert_same_words(texts[format].as_str().unwrap(), &english.text, format);
    }
    let (srt, vtt) = (texts["srt"].as_str().unwrap(), texts["vtt"].as_str().unwrap());
    let cues = read_srt(srt).unwrap_or_else(|error| panic!("{error} in\n{srt}"));
    assert_same_words(&subtitles::text(&cues), &english.text, "srt");
    assert_eq!(read_vtt(vtt), Ok(cues));
    assert!(!texts["translation"].as_str().unwrap().is_empty());
    stack.assert_nothing_is_left().await;
}

#[tokio::test]
async fn the_python_library_finds_everything_it_knows() {
    finds_everything(Program::python()).await;
}

#[tokio::test]
async fn the_javascript_library_finds_everything_it_knows() {
    finds_everything(Program::javascript()).await;
}

/// Nobody transcribes until the program has given up once.
async fn joins_its_job(program: Program) {
    let mut stack = Stack::start().await;
    assert!(stack.transcriber.stop().await.success());
    let english = Spoken::english();
    let (child, mut lines) = program.start(&stack, "retry", &[&english.file]);
    let told = timeout(PATIENCE, lines.next_line()).await.expect("it asks again").unwrap();
    assert_eq!(told.as_deref(), Some("again"));
    stack.transcriber.start().await;
    let texts = result(child, lines).await;
    assert_same_words(texts["json"].as_str().unwrap(), &english.text, "a program that asked again");
    let (_, jobs) = stack.client.get("/v1/jobs").await;
    assert_eq!(jobs["items"].as_array().unwrap().len(), 1, "{jobs}");
    stack.assert_nothing_is_left().await;
}

#[tokio::test]
async fn the_python_library_asks_again_and_joins_its_job() {
    joins_its_job(Program::python()).await;
}

#[tokio::test]
async fn the_javascript_library_asks_again_and_joins_its_job() {
    joins_its_job(Program::javascript()).await;
}
