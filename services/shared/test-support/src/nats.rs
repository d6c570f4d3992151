//! A real nats-server with JetStream, as a child process of the test.

use std::{
    env,
    fs::{self, File},
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use uuid::Uuid;

use crate::{repo_root, wait::PATIENCE};

const KNOCK_AGAIN: Duration = Duration::from_millis(10);
/// Another process may take the free port before the server does.
const TRIES: usize = 5;

/// A server on a port and a store of its own, killed and cleaned up when this is dropped.
#[derive(Debug)]
pub struct Nats {
    program: PathBuf,
    /// The server greets with its name, which tells it from another one that took the port.
    name: String,
    port: u16,
    folder: TempDir,
    /// Beside the usual ones.
    arguments: Vec<String>,
    child: Option<Child>,
}

impl Nats {
    /// Starts a server and waits until it takes connections.
    ///
    /// The program is `NATS_SERVER`, else `.local/bin/nats-server` in the repository, else the one on the `PATH`.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with further arguments, such as `--user`; [`Self::url`] does not tell of them.
    pub fn start_with(arguments: &[&str]) -> Self {
        let mut nats = Self {
            program: program(),
            name: format!("test-{}", Uuid::now_v7().simple()),
            port: 0,
            folder: tempfile::tempdir().expect("a temporary folder can be made"),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            child: None,
        };
        for _ in 0..TRIES {
            nats.port = free_port();
            if nats.spawn() {
                return nats;
            }
        }
        panic!("nats-server did not start:\n{}", nats.log());
    }

    /// For `NATS_URL`.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// As `kill -9` does it: without a chance to save anything.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("the server can be killed");
            child.wait().expect("the server ends");
        }
    }

    /// Starts it again on the same port and store, killing it first if it runs.
    pub fn restart(&mut self) {
        self.kill();
        assert!(self.spawn(), "nats-server did not start again:\n{}", self.log());
    }

    /// Starts it again on the same port with an empty store, killing it first if it runs.
    pub fn restart_empty(&mut self) {
        self.kill();
        fs::remove_dir_all(self.folder.path().join("store")).expect("the store can be removed");
        self.restart();
    }

    /// Lets it neither run nor end until [`Self::thaw`]: connections stand, and nobody answers.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let child = self.child.as_ref().expect("the server runs");
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(sent.expect("`kill` can be run").success(), "the server takes no {signal}");
    }

    /// Whether the new child greets us. `false` when it ended instead.
    fn spawn(&mut self) -> bool {
        let log = File::create(self.log_file()).expect("the log can be written");
        let child = Command::new(&self.program)
            .args(["--addr", "127.0.0.1", "--port", &self.port.to_string(), "--name", &self.name, "--jetstream"])
            .arg("--store_dir")
            .arg(self.folder.path().join("store"))
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log can be shared"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be run: {error}", self.program.display()));
        let child = self.child.insert(child);
        let given_up = Instant::now() + PATIENCE;
        while !greets(self.port, &self.name) {
            if child.try_wait().expect("the server can be looked after").is_some() {
                return false;
            }
            assert!(Instant::now() < given_up, "nats-server takes no connections");
            thread::sleep(KNOCK_AGAIN);
        }
        true
    }

    fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("nats-server.log")
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port of this machine that nobody listens on at this moment.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    listener.local_addr().expect("a listener has an address").port()
}

/// A nats-server opens its port once JetStream has recovered, and speaks first: `INFO {…}`.
fn greets(port: u16, name: &str) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Ok(stream) = TcpStream::connect_timeout(&address, PATIENCE) else {
        return false;
    };
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    let mut greeting = String::new();
    BufReader::new(stream).read_line(&mut greeting).is_ok() && greeting.contains(name)
}

fn program() -> PathBuf {
    if let Some(named) = env::var_os("NATS_SERVER").map(PathBuf::from) {
        assert!(named.is_file(), "NATS_SERVER names {}, which is no file", named.display());
        return named;
    }
    let ours = repo_root().join(".local/bin/nats-server");
    let on_path = env::var_os("PATH").unwrap_or_default();
    let mut candidates =
        std::iter::once(ours).chain(env::split_paths(&on_path).map(|folder| folder.join("nats-server")));
    candidates
        .find(|path| Path::is_file(path))
        .unwrap_or_else(|| panic!("there is no nats-server: run `make setup`, or name one in NATS_SERVER"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_server_comes_back_where_it_was() {
        let mut nats = Nats::start();
        let url = nats.url();
        nats.kill();
        assert!(!greets(nats.port, &nats.name));
        nats.restart();
        assert!(greets(nats.port, &nats.name));
        assert_eq!(nats.url(), url);
    }
}
