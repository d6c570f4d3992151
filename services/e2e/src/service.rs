//! One service of a stack: its process, its settings, its log. It can be killed and started again as it was.

use std::{
    ffi::OsString,
    fs::{self, OpenOptions},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
};

use escriba_test_support::eventually;

use crate::{processes, programs};

/// A running or killed service.
#[derive(Debug)]
pub struct Service {
    name: &'static str,
    settings: Vec<(&'static str, OsString)>,
    log: PathBuf,
    internal: SocketAddr,
    child: Option<Child>,
}

impl Service {
    /// `internal` is where it answers `/readyz`; `log` is written on, never over.
    pub fn new(
        name: &'static str,
        settings: Vec<(&'static str, OsString)>,
        log: PathBuf,
        internal: SocketAddr,
    ) -> Self {
        Self { name, settings, log, internal, child: None }
    }

    /// Starts the process and waits until it says that it can do its work.
    pub async fn start(&mut self) {
        assert!(self.child.is_none(), "{} runs already", self.name);
        let log = OpenOptions::new().create(true).append(true).open(&self.log).expect("the log can be written");
        let child = programs::command(&programs::program(self.name))
            .envs(self.settings.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log can be shared"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", self.name));
        self.child = Some(child);
        self.ready().await;
    }

    async fn ready(&mut self) {
        let url = format!("http://{}/readyz", self.internal);
        let http = reqwest::Client::new();
        eventually(&format!("{} is ready", self.name), async || {
            assert!(self.is_alive(), "{} ended before it was ready:\n{}", self.name, self.log());
            let answer = http.get(&url).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    /// As `kill -9` does it: without a chance to save anything.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("our own child can be killed");
            child.wait().expect("a killed child ends");
        }
    }

    /// Lets it neither run nor end until [`Self::thaw`]: connections stand, and nobody answers.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(&mut self) -> ExitStatus {
        self.signal("-TERM");
        let mut child = self.child.take().expect("the service runs");
        eventually(&format!("{} stops", self.name), async || child.try_wait().expect("a child can be looked after"))
            .await
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.pid().to_string()]).status();
        assert!(sent.expect("`kill` can be run").success(), "{} takes no {signal}", self.name);
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the service runs").id()
    }

    /// Whether the process that was started last still runs.
    pub fn is_alive(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().expect("a child can be looked after").is_none())
    }

    /// The most memory that the process has had in use, in bytes.
    pub fn peak_memory(&self) -> u64 {
        processes::peak_memory(self.pid()).expect("the process runs")
    }

    /// Everything it has said so far.
    pub fn log(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    pub(crate) fn print_log(&self) {
        eprintln!("----- {} -----\n{}", self.name, self.log());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
    }
}
