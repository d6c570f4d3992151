//! A folder with the real `escriba` and played services beside it, as an installation has them.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tempfile::TempDir;

use super::{ended, eventually, lives, signal, text};

/// Stacks of different tests would find each other on the usual ports.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

const SERVICES: [&str; 4] = ["nats-server", "escriba-gateway", "escriba-export", "escriba-transcriber"];

pub(crate) struct PlayedStack {
    folder: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl PlayedStack {
    pub(crate) fn install() -> Self {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        fs::copy(env!("CARGO_BIN_EXE_escriba"), folder.path().join("escriba")).unwrap();
        for name in SERVICES {
            let path = folder.path().join(name);
            fs::write(&path, include_str!("played_service.py")).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        }
        let models = folder.path().join("data/models");
        fs::create_dir_all(&models).unwrap();
        // A name nobody publishes is the operator's own, and taken as it is.
        fs::write(models.join("ggml-played.bin"), "weights").unwrap();
        Self { folder, _alone: alone }
    }

    /// `escriba` in this installation. The environment of the tests themselves must not reach it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.folder.path().join("escriba"));
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("ESCRIBA_DATA_DIR", self.data()).env("PLAY_JOURNAL", self.journal_file());
        command.env("WHISPER_MODEL", "played");
        command
    }

    /// Starts `escriba up` and waits until it says that it is ready.
    pub(crate) fn up(&self, settings: &[(&str, &str)]) -> Child {
        let child = self.command(&["up"]).envs(settings.iter().copied()).spawn().unwrap();
        eventually("the stack was ready", || self.data().join("stack.json").exists().then_some(()));
        child
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The names of the services that were asked to stop, in that order.
    pub(crate) fn stops(&self) -> Vec<String> {
        self.journal().lines().filter_map(|line| line.strip_prefix("stop ")).map(str::to_owned).collect()
    }

    /// The process ids a service has had, oldest first.
    pub(crate) fn processes(&self, service: &str) -> Vec<u32> {
        let start = format!("start {service} ");
        self.journal().lines().filter_map(|line| line.strip_prefix(&start)?.parse().ok()).collect()
    }

    pub(crate) fn all_processes(&self) -> Vec<u32> {
        self.journal().lines().filter_map(|line| line.strip_prefix("start ")?.split(' ').nth(1)?.parse().ok()).collect()
    }

    /// Stops a stack in order and checks that nothing is left of it.
    pub(crate) fn stop(&self, up: Child) -> String {
        signal(up.id(), rustix::process::Signal::INT);
        let output = ended(up);
        assert!(output.status.success(), "{}", text(&output.stderr));
        self.assert_nothing_is_left();
        text(&output.stderr)
    }

    pub(crate) fn assert_nothing_is_left(&self) {
        let left: Vec<_> = self.all_processes().into_iter().filter(|process| lives(*process)).collect();
        assert!(left.is_empty(), "still running: {left:?}");
        assert!(!self.data().join("stack.json").exists());
    }

    fn journal(&self) -> String {
        fs::read_to_string(self.journal_file()).unwrap_or_default()
    }

    fn journal_file(&self) -> PathBuf {
        self.folder.path().join("journal")
    }
}
