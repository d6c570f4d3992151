//! The clients that `make clients` generates, in the hands of a program: upload, follow, fetch in each format, delete.

use std::process::Command;

use escriba_e2e::Stack;
use escriba_test_support::{repo_root, sample};

#[tokio::test]
async fn the_typescript_client_takes_the_whole_tour() {
    let stack = Stack::start().await;
    let mut node = Command::new(repo_root().join(".local/bin/node"));
    node.arg(repo_root().join("target/clients/typescript/tour.js"));
    tour(&stack, node).await;
}

#[tokio::test]
async fn the_python_client_takes_the_whole_tour() {
    let stack = Stack::start().await;
    let folder = repo_root().join("target/clients/python");
    let mut python = Command::new(repo_root().join(".local/venv/bin/python"));
    python.arg(folder.join("tour.py")).env("PYTHONPATH", folder);
    tour(&stack, python).await;
}

async fn tour(stack: &Stack, mut program: Command) {
    program.arg(&stack.client.base_url).arg(&stack.client.key).arg(sample("english.m4a"));
    let ended = tokio::task::spawn_blocking(move || program.output()).await.unwrap();
    let ended = ended.unwrap_or_else(|error| panic!("{error}; run `make clients`"));
    let said = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && said.contains("the tour is over"), "{said}");
}
