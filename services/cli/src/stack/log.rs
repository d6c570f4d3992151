//! The one log of the stack: every line of every service, with the service's name before it, in a file and, when
//! wanted, on the screen. It must not interpret what services say.

use std::{
    collections::{BTreeMap, VecDeque},
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use crate::screen::Screen;

/// A file larger than this is put aside at the next start; one old file is kept.
const LARGE: u64 = 16 << 20;
/// How many last lines of a service explain why it does not start.
const RECENT: usize = 8;
/// As wide as the longest service name.
const NAME_WIDTH: usize = 11;

/// Whose lines the person sees; the file gets them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Everything,
    /// Only what the supervisor itself has to say, because the screen is used for something else.
    Notices,
}

/// The log of one run.
#[derive(Debug)]
pub(crate) struct StackLog {
    file: Mutex<File>,
    recent: Mutex<BTreeMap<&'static str, VecDeque<String>>>,
    everything: AtomicBool,
    screen: Screen,
}

impl StackLog {
    pub(crate) fn open(path: &Path, screen: Screen, shown: Shown) -> io::Result<Self> {
        if fs::metadata(path).is_ok_and(|file| file.len() > LARGE) {
            fs::rename(path, path.with_extension("log.1"))?;
        }
        // What services log is for the owner's eyes.
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        Ok(Self {
            file: Mutex::new(file),
            recent: Mutex::default(),
            everything: AtomicBool::new(shown == Shown::Everything),
            screen,
        })
    }

    /// From now on the screen is free for the services' lines.
    pub(crate) fn show_everything(&self) {
        self.everything.store(true, Ordering::Relaxed);
    }

    /// Something the supervisor tells the person.
    pub(crate) fn notice(&self, text: &str) {
        self.append("escriba", text);
        self.screen.line(text);
    }

    /// Copies a service's output, line by line, until it closes it.
    pub(crate) async fn follow(&self, service: &'static str, output: impl AsyncRead + Unpin) {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while output.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
            self.service_line(service, String::from_utf8_lossy(&line).trim_end());
            line.clear();
        }
    }

    /// The last lines a service wrote.
    pub(crate) fn recent(&self, service: &str) -> Vec<String> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.get(service).map(|lines| lines.iter().cloned().collect()).unwrap_or_default()
    }

    fn service_line(&self, service: &'static str, text: &str) {
        self.append(service, text);
        {
            let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
            let lines = recent.entry(service).or_default();
            lines.push_back(text.to_owned());
            if lines.len() > RECENT {
                lines.pop_front();
            }
        }
        if self.everything.load(Ordering::Relaxed) {
            self.screen.line(prefixed(service, text, self.screen.coloured()));
        }
    }

    fn append(&self, service: &str, text: &str) {
        let line = prefixed(service, text, false) + "\n";
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk must not stop the services from running, and there is nobody else to tell.
        let _ = file.write_all(line.as_bytes());
    }
}

fn prefixed(service: &str, text: &str, coloured: bool) -> String {
    if coloured {
        format!("\u{1b}[{}m{service:NAME_WIDTH$}\u{1b}[0m | {text}", colour(service))
    } else {
        format!("{service:NAME_WIDTH$} | {text}")
    }
}

/// Terminal colours that read well on black and on white.
fn colour(service: &str) -> u8 {
    match service {
        "nats-server" => 34,
        "gateway" => 36,
        "export" => 33,
        "transcriber" => 35,
        _ => 39,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_of_all_services_stand_in_one_file_under_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("escriba.log");
        let log = StackLog::open(&path, Screen::new(), Shown::Notices).unwrap();
        log.follow("gateway", &b"first\nnot \xff UTF-8\n"[..]).await;
        log.follow("nats-server", &b"without an end"[..]).await;
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "gateway     | first\ngateway     | not \u{fffd} UTF-8\nnats-server | without an end\n"
        );
        assert_eq!(log.recent("gateway"), ["first", "not \u{fffd} UTF-8"]);
        assert!(log.recent("export").is_empty());
    }

    #[tokio::test]
    async fn a_large_log_is_put_aside_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("escriba.log");
        File::create(&path).unwrap().set_len(LARGE + 1).unwrap();
        StackLog::open(&path, Screen::new(), Shown::Notices).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
        assert_eq!(fs::metadata(folder.path().join("escriba.log.1")).unwrap().len(), LARGE + 1);
    }
}
