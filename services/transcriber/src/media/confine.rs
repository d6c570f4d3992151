//! What the decoding child gives up before it looks at the upload. It only ever takes rights away, and must run before
//! the first byte is read.

use rustix::{
    io,
    process::{DumpableBehavior, Resource, Rlimit, Signal},
};

/// Room for the address space in bytes: `FFmpeg`'s libraries map some hundred megabytes, decoders need far less than
/// the rest.
const ADDRESS_SPACE: u64 = 1 << 30;

/// Open files: the three standard ones, and one to duplicate each to.
const OPEN_FILES: u64 = 8;

/// Bounds this process for good and ties its life to its parent's.
pub(super) fn confine() -> io::Result<()> {
    // A parent that died before this line shows as a broken pipe at the first write instead.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let limits =
        [(Resource::As, ADDRESS_SPACE), (Resource::Core, 0), (Resource::Fsize, 0), (Resource::Nofile, OPEN_FILES)];
    for (resource, most) in limits {
        rustix::process::setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}
