//! What the decoding child gives up before it is handed an upload. FFmpeg reads what strangers send, so the child is
//! taken to be theirs from the first byte on: it keeps memory, processor time, the descriptors that it holds and the
//! right to end. Each wall stands by itself, so that one that a kernel lacks leaves the others. Nothing here gives a
//! right back, and nothing depends on the upload.

#![allow(unsafe_code, reason = "the one call that closes all inherited descriptors has no safe wrapper")]

mod landlock;
mod limits;
mod seccomp;

use std::{fs::File, io};

use rustix::process::{DumpableBehavior, Signal};

pub use limits::{ADDRESS_SPACE, CPU_SECONDS, OPEN_FILES};

/// How well one wall stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wall {
    /// Nothing of it: the kernel does not have it.
    Missing,
    /// As far as an older kernel goes.
    Partial,
    Whole,
}

/// Which of the walls that depend on the kernel stand. Limits and the loss of privileges are not among them: a child
/// that cannot have those does not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walls {
    /// No file, socket or process of others can be reached.
    pub landlock: Wall,
    /// Nothing but what decoding needs can be asked of the kernel.
    pub seccomp: Wall,
}

/// Confines this process for good and ties its life to the thread that started it. It must have no other thread.
/// Standard input and output stay open and nothing else does; what is then written to standard error goes nowhere,
/// because the operator's logs are not for uploads to write in.
pub fn enter() -> io::Result<Walls> {
    // A parent that died before this line shows as a closed socket instead.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    rustix::thread::set_no_new_privs(true)?;
    close_inherited()?;
    let nowhere = File::options().write(true).open("/dev/null")?;
    let landlock = landlock::enforce();
    limits::set()?;
    // Last, because it forbids the calls above.
    let seccomp = seccomp::install()?;
    rustix::stdio::dup2_stderr(nowhere)?;
    Ok(Walls { landlock, seccomp })
}

/// Libraries of the parent's may have left descriptors open across the start of this program.
fn close_inherited() -> io::Result<()> {
    // SAFETY: the caller owns nothing beyond the three standard descriptors.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) };
    if closed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
