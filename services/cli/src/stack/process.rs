//! One child process from birth to death: how it is started so that it cannot outlive us, and how it is ended. When
//! and why that happens is the supervisor's business.

use std::{io, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal};
use tokio::{
    process::{Child, Command},
    time,
};
use tokio_util::sync::CancellationToken;

use super::services::Service;

/// How long a child may take to finish or hand back its work.
const GRACE: Duration = Duration::from_secs(15);

/// How a child that was asked to end did so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// By itself.
    Clean,
    /// It had to be killed: its time was up, or the person lost patience.
    Killed,
}

/// Starts the service with its output piped to us, in a process group of its own: a Ctrl-C at the terminal then
/// reaches the supervisor alone, which ends its children in order.
pub(crate) fn spawn(service: &Service) -> io::Result<Child> {
    let mut command = Command::new(&service.program);
    command.args(&service.arguments);
    for (name, value) in &service.settings {
        // Services refuse a setting that is given both ways.
        command.env(name, value).env_remove(format!("{name}_FILE"));
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0).kill_on_drop(true);
    die_with_us(&mut command);
    command.spawn()
}

/// Asks the child to end, and makes it when it does not. Whatever it started itself goes with it.
pub(crate) async fn end(child: &mut Child, kill: &CancellationToken) -> io::Result<Ending> {
    let Some(group) = group_of(child) else {
        return Ok(Ending::Clean);
    };
    // It may end by itself at this very moment, which is what we want.
    let _ = rustix::process::kill_process(group, Signal::TERM);
    let ending = tokio::select! {
        ended = child.wait() => ended.map(|_| Ending::Clean)?,
        () = time::sleep(GRACE) => Ending::Killed,
        () = kill.cancelled() => Ending::Killed,
    };
    clear_group(group);
    child.wait().await?;
    Ok(ending)
}

/// The process group a running child leads.
pub(crate) fn group_of(child: &Child) -> Option<Pid> {
    Pid::from_raw(i32::try_from(child.id()?).ok()?)
}

/// Kills what is left of a child's process group, such as a decoder whose worker crashed.
pub(crate) fn clear_group(group: Pid) {
    // An empty group is the usual case, and no error.
    let _ = rustix::process::kill_process_group(group, Signal::KILL);
}

/// Has the kernel kill the child when we die without a chance to end it ourselves. Not SIGTERM: all children would
/// get it at once, and a service that waits for another to finish its own work would wait for ever. What they leave
/// behind is what a power cut leaves, and they start from that. Only Linux has this; elsewhere the children of a
/// killed supervisor stay.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "only code that runs between fork and exec can ask for the parent-death signal")]
fn die_with_us(command: &mut Command) {
    let supervisor = rustix::process::getpid();
    let ask = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // We may have died before the call above, and then no signal would ever come.
        if rustix::process::getppid() == Some(supervisor) { Ok(()) } else { Err(io::ErrorKind::NotConnected.into()) }
    };
    // SAFETY: after a fork only async-signal-safe calls are allowed. The closure makes two system calls and neither
    // allocates nor locks.
    unsafe {
        command.pre_exec(ask);
    }
}

#[cfg(not(target_os = "linux"))]
fn die_with_us(_: &mut Command) {}
