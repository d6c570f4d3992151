//! The file of lines, which is also the memory of what has been done: effect and memory are one write, so a process
//! that is killed at any moment neither forgets an event nor does it twice. A service of your own has the same with a
//! unique index on the id, in the transaction of the event's effect.

use std::{
    collections::{HashSet, VecDeque},
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::event::Event;

/// How many ids are remembered. Repeats come soon after the first; a hundred would mostly do.
const REMEMBERED: usize = 10_000;

#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    #[error("{path} cannot be used")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path} is in use by another subscriber")]
    InUse { path: PathBuf },
    #[error("line {number} of {path} is none of this program's; choose another file")]
    Foreign { path: PathBuf, number: usize },
}

#[derive(Debug)]
pub(crate) struct Output {
    path: PathBuf,
    file: File,
    known: HashSet<String>,
    /// The known ids, oldest first.
    order: VecDeque<String>,
    last_sequence: u64,
}

impl Output {
    /// Opens or makes the file and recalls what stands in it. A line that a crash cut short is removed: its event was
    /// not acknowledged, so it comes again.
    pub(crate) fn open(path: &Path) -> Result<Self, OutputError> {
        let failed = |source| OutputError::Io { path: path.to_owned(), source };
        let file = OpenOptions::new().create(true).read(true).append(true).open(path).map_err(failed)?;
        if file.try_lock().is_err() {
            return Err(OutputError::InUse { path: path.to_owned() });
        }
        let mut lines = BufReader::new(file.try_clone().map_err(failed)?);
        let (known, order) = (HashSet::new(), VecDeque::new());
        let mut output = Self { path: path.to_owned(), file, known, order, last_sequence: 0 };
        let (mut whole, mut line) = (0, String::new());
        for number in 1.. {
            line.clear();
            let length = lines.read_line(&mut line).map_err(failed)?;
            if !line.ends_with('\n') {
                break;
            }
            let (id, sequence) = recall(&line).ok_or(OutputError::Foreign { path: path.to_owned(), number })?;
            output.remember(id, sequence);
            whole += length as u64;
        }
        output.file.set_len(whole).map_err(failed)?;
        Ok(output)
    }

    pub(crate) fn knows(&self, id: &str) -> bool {
        self.known.contains(id)
    }

    /// Where in the stream the last event stood, 0 before the first.
    pub(crate) const fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    /// Adds a line and waits until it is on the disk: whoever acknowledges after this cannot lose the event.
    pub(crate) fn append(&mut self, event: &Event, sequence: u64) -> Result<(), OutputError> {
        let line = format!("{}\n", event.line(sequence));
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|source| OutputError::Io { path: self.path.clone(), source })?;
        self.remember(event.id.clone(), sequence);
        Ok(())
    }

    fn remember(&mut self, id: String, sequence: u64) {
        self.last_sequence = sequence;
        self.order.push_back(id.clone());
        self.known.insert(id);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

fn recall(line: &str) -> Option<(String, u64)> {
    let line: Value = serde_json::from_str(line).ok()?;
    Some((line["id"].as_str()?.to_owned(), line["sequence"].as_u64()?))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::event::tests::canceled;

    #[test]
    fn what_stands_in_the_file_is_known_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let mut output = Output::open(&path).unwrap();
        output.append(&canceled("first"), 7).unwrap();
        assert!(matches!(Output::open(&path), Err(OutputError::InUse { .. })));
        drop(output);
        let output = Output::open(&path).unwrap();
        assert!(output.knows("first") && !output.knows("second"));
        assert_eq!(output.last_sequence(), 7);
    }

    #[test]
    fn a_line_that_was_cut_short_is_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        for id in ["first", "second"] {
            Output::open(&path).unwrap().append(&canceled(id), 1).unwrap();
        }
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let mut output = Output::open(&path).unwrap();
        assert!(output.knows("first") && !output.knows("second"));
        output.append(&canceled("second"), 1).unwrap();
        assert_eq!(fs::read(&path).unwrap(), whole);
    }

    #[test]
    fn a_file_of_somebody_elses_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("letter.txt");
        fs::write(&path, "Dear reader,\n").unwrap();
        assert!(matches!(Output::open(&path), Err(OutputError::Foreign { number: 1, .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "Dear reader,\n");
    }

    #[test]
    fn only_the_oldest_ids_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let mut output = Output::open(&folder.path().join("events.jsonl")).unwrap();
        for nth in 0..=REMEMBERED as u64 {
            output.remember(nth.to_string(), nth);
        }
        assert!(!output.knows("0") && output.knows("1") && output.knows(&REMEMBERED.to_string()));
    }
}
