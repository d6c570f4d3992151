//! Models come when they are needed, within a budget, and go when they are not.

use std::{os::unix::fs::symlink, path::Path, time::Duration};

use escriba_domain::ModelName;
use escriba_transcriber::speech::{Device, Models, ModelsError, ModelsSettings, Weights};
use tokio::time::timeout;

use crate::fixtures::model_file;

/// Room for one base model with one slot, and not for two.
const ROOM_FOR_ONE: u64 = 500 << 20;

fn name(text: &str) -> ModelName {
    text.parse().unwrap()
}

/// The base model under two names.
fn two_models() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in ["ggml-one.bin", "ggml-two.bin"] {
        symlink(model_file(), dir.path().join(name)).unwrap();
    }
    dir
}

fn models(dir: &Path, memory_bytes: u64, keep_alive: Option<Duration>) -> Models {
    Models::new(ModelsSettings {
        dir: dir.to_owned(),
        device: Device::Cpu,
        weights: Weights::Full,
        slots: 1,
        processors: 1,
        keep_alive,
        memory_bytes,
    })
}

#[tokio::test]
async fn a_model_makes_room_for_another_once_nobody_uses_it() {
    let dir = two_models();
    let models = models(dir.path(), ROOM_FOR_ONE, None);
    let one = models.borrow(&name("one")).await.unwrap();
    assert_eq!(models.loaded().await, [name("one")]);

    let two = name("two");
    let waiting = models.borrow(&two);
    tokio::pin!(waiting);
    assert!(timeout(Duration::from_millis(300), &mut waiting).await.is_err(), "there is no room while it is in use");
    drop(one);
    let _two = timeout(Duration::from_mins(1), waiting).await.expect("there is room now").unwrap();
    assert_eq!(models.loaded().await, [name("two")]);
}

#[tokio::test]
async fn a_model_that_nobody_uses_is_let_go_and_comes_back() {
    let dir = two_models();
    let models = models(dir.path(), u64::MAX, Some(Duration::from_millis(200)));
    let expiring = models.clone();
    let expiry = tokio::spawn(async move { expiring.expire().await });
    let held = models.borrow(&name("one")).await.unwrap();
    drop(models.borrow(&name("two")).await.unwrap());
    let only_one = async {
        while models.loaded().await != [name("one")] {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_mins(1), only_one).await.expect("the idle one goes, and the one in use stays");
    drop(held);
    let none = async {
        while !models.loaded().await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_mins(1), none).await.expect("the other one goes too");
    assert_eq!(models.borrow(&name("one")).await.unwrap().slots(), 1);
    expiry.abort();
}

#[tokio::test]
async fn what_is_missing_or_too_large_is_said_with_what_to_do() {
    let dir = two_models();
    let missing = models(dir.path(), u64::MAX, None).borrow(&name("three")).await.unwrap_err();
    assert!(
        matches!(missing, ModelsError::Missing { .. }) && missing.to_string().contains("escriba models pull three")
    );
    let large = models(dir.path(), 100 << 20, None).borrow(&name("one")).await.unwrap_err();
    assert!(matches!(large, ModelsError::TooLarge { .. }) && large.to_string().contains("MODEL_MEMORY_MB"), "{large}");
}
