//! The `escriba` program as a person runs it, against services and servers that are played here. What real services
//! do is the business of `services/e2e`.

mod played_server;
mod played_stack;
mod queue;
mod transcribe;
mod up;

use std::{
    process::{Child, Output},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal};

/// Long enough for a busy machine; nothing here takes a second on an idle one.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until something is so, since other processes do not tell us.
fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "it never happened that {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn signal(process: u32, signal: Signal) {
    rustix::process::kill_process(pid(process), signal).unwrap();
}

/// A process that has ended but was not yet collected by a parent, which containers may lack, is gone too.
fn lives(process: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn pid(process: u32) -> Pid {
    Pid::from_raw(i32::try_from(process).unwrap()).unwrap()
}

/// What a program that was started with piped output printed, once it has ended.
fn ended(mut child: Child) -> Output {
    eventually("the program ended", || child.try_wait().unwrap());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
