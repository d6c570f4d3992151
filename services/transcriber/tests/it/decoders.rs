//! The processes that decode: what they are left with, what becomes of them, and when they are started.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use escriba_domain::FailureCode;
use escriba_transcriber::media::{
    DecodeCommand, DecodeError, DecodeRequest, DecoderPool,
    jail::{self, Wall},
};

use crate::fixtures::{GREETING, Studio, decode_command, decoders, impostor, open_with};

const PATIENCE: Duration = Duration::from_mins(1);

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}: not within {} s", PATIENCE.as_secs());
        thread::sleep(Duration::from_millis(5));
    }
}

fn lives(process: u32) -> bool {
    Path::new(&format!("/proc/{process}")).exists()
}

#[test]
fn the_child_is_confined_and_goes_with_its_decoder() {
    let studio = Studio::new();
    let upload = studio.record("-f lavfi -i sine=duration=600", "long.wav");
    let mut decoder = decoders().decode(&File::open(upload).unwrap(), &DecodeRequest::default()).unwrap();
    decoder.next_block().unwrap();
    assert_eq!(decoder.walls().seccomp, Wall::Whole);

    let child = decoder.process_id();
    let limits = fs::read_to_string(format!("/proc/{child}/limits")).unwrap();
    for (name, most) in [
        ("Max core file size", 0),
        ("Max file size", 0),
        ("Max processes", 0),
        ("Max cpu time", jail::CPU_SECONDS),
        ("Max open files", jail::OPEN_FILES),
        ("Max address space", jail::ADDRESS_SPACE),
    ] {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        assert_eq!(line[name.len()..].split_whitespace().next(), Some(most.to_string().as_str()), "{name}");
    }
    let status = fs::read_to_string(format!("/proc/{child}/status")).unwrap();
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2", "Threads:\t1"] {
        assert!(status.contains(line), "{line} is not in {status}");
    }

    drop(decoder);
    assert!(!lives(child), "dropping the decoder reaps its child");
}

#[test]
fn the_child_sees_nothing_of_the_environment() {
    let studio = Studio::new();
    let seen = studio.path("seen");
    let script = format!("/usr/bin/env > {}", seen.display());
    let error = open_with(impostor(&studio, &script, PATIENCE), Path::new("/dev/null")).unwrap_err();
    assert!(matches!(error, DecodeError::Unready { .. }), "{error}");
    let seen = fs::read_to_string(seen).unwrap();
    let names: Vec<_> = seen.lines().map(|line| line.split('=').next().unwrap()).collect();
    // The shell adds two of its own.
    assert!(names.iter().all(|name| ["LD_LIBRARY_PATH", "PWD", "_", "SHLVL", "OLDPWD"].contains(name)), "{names:?}");
}

#[test]
fn a_child_that_dies_hangs_or_lies_is_an_error_of_its_own() {
    let fails = |script: &str, patience| {
        let studio = Studio::new();
        open_with(impostor(&studio, script, patience), Path::new("/dev/null")).unwrap_err()
    };
    let unfit = fails("exit 3", PATIENCE);
    assert!(matches!(unfit, DecodeError::Unready { status } if status.code() == Some(3)), "{unfit}");

    let killed = fails(&format!("{GREETING}; kill -SEGV $$"), PATIENCE);
    assert!(matches!(killed, DecodeError::Crashed { status } if !status.success()), "{killed}");

    let hung = fails(&format!("{GREETING}; exec /bin/sleep 1000"), Duration::from_secs(1));
    assert!(matches!(hung, DecodeError::Stalled { .. }), "{hung}");

    let feigned = fails(&format!("{GREETING}; exec /bin/sleep 1000 > /dev/null"), PATIENCE);
    assert!(matches!(feigned, DecodeError::Crashed { status } if !status.success()), "{feigned}");

    let lying = fails(&format!("{GREETING}; echo HTTP/1.1 200 OK"), PATIENCE);
    assert!(matches!(lying, DecodeError::Garbled(_)), "{lying}");

    let missing = DecodeCommand { program: "/nowhere/decoder".into(), patience: PATIENCE };
    let missing = open_with(missing, Path::new("/dev/null")).unwrap_err();
    assert!(matches!(missing, DecodeError::Io(_)), "{missing}");
}

/// A pool whose children leave their ids in a file before they start.
struct Watched {
    pool: DecoderPool,
    ids: PathBuf,
}

impl Watched {
    fn new(studio: &Studio) -> Self {
        let ids = studio.path("ids");
        let decoder = decode_command().program;
        let script = format!("echo $$ >> {}\nexec {} decode", ids.display(), decoder.display());
        Self { pool: DecoderPool::start(impostor(studio, &script, PATIENCE)).unwrap(), ids }
    }

    fn ids(&self) -> Vec<u32> {
        let ids = fs::read_to_string(&self.ids).unwrap_or_default();
        // The last line may be half written.
        ids.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')?.parse().ok()).collect()
    }

    fn wait_for(&self, count: usize) -> Vec<u32> {
        wait_until(&format!("{count} children"), || self.ids().len() >= count);
        let ids = self.ids();
        assert_eq!(ids.len(), count, "more children than needed");
        ids
    }
}

#[test]
fn a_spare_child_takes_the_recording_and_the_next_starts_once_that_is_under_way() {
    let studio = Studio::new();
    let path = studio.record("-f lavfi -i sine=duration=60", "a.wav");
    let upload = File::open(&path).unwrap();
    let watched = Watched::new(&studio);
    let spare = watched.wait_for(1)[0];
    let mut decoder = watched.pool.decode(&upload, &DecodeRequest::default()).unwrap();
    assert_eq!(decoder.process_id(), spare);
    assert_eq!(watched.ids(), [spare], "no other child is started before the first samples");
    assert!(decoder.next_block().unwrap().is_some_and(|block| !block.is_empty()));
    let next = watched.wait_for(2)[1];

    // Two at once: the second takes the spare, a third is started for neither.
    let other = watched.pool.decode(&File::open(path).unwrap(), &DecodeRequest::default()).unwrap();
    assert_eq!(other.process_id(), next);
    drop(watched.pool);
    assert_eq!(decoder.finish().unwrap().audio_ms, 60_000);
    assert_eq!(other.finish().unwrap().audio_ms, 60_000, "a decoder outlives its pool");
    assert!(!lives(spare) && !lives(next));
}

#[test]
fn a_spare_that_died_is_replaced_and_a_pool_takes_its_spare_along() {
    let studio = Studio::new();
    let upload = File::open(studio.record("-f lavfi -i sine=duration=1", "a.wav")).unwrap();
    let watched = Watched::new(&studio);
    let spare = watched.wait_for(1)[0];
    let kill = std::process::Command::new("kill").args(["-KILL", &spare.to_string()]).status().unwrap();
    assert!(kill.success());
    let decoder = watched.pool.decode(&upload, &DecodeRequest::default()).unwrap();
    assert_ne!(decoder.process_id(), spare);
    decoder.finish().unwrap();

    let text = File::open(studio.write("a.txt", "Dear diary")).unwrap();
    watched.wait_for(3);
    let refused = watched.pool.decode(&text, &DecodeRequest::default()).unwrap_err();
    assert!(matches!(refused, DecodeError::Media(FailureCode::MediaUnrecognized)), "{refused}");
    let spare = watched.wait_for(4)[3];
    assert!(lives(spare), "a recording that fails before its first samples makes room too");
    drop(watched.pool);
    assert!(!lives(spare), "dropping the pool reaps its spare");
}
