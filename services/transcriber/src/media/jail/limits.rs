//! How much of the machine one decoding may use.

use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};

/// Room for the address space in bytes: `FFmpeg`'s libraries map some hundred megabytes, decoders need far less than
/// the rest.
pub const ADDRESS_SPACE: u64 = 1 << 30;

/// Time on a processor: the slowest codecs decode a day of sound in less.
pub const CPU_SECONDS: u64 = 60 * 60;

/// The three standard descriptors, the upload and a duplicate of it, the pipe's duplicate, and room for two.
pub const OPEN_FILES: u64 = 8;

pub(super) fn set() -> io::Result<()> {
    let limits = [
        (Resource::As, ADDRESS_SPACE),
        (Resource::Cpu, CPU_SECONDS),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, OPEN_FILES),
        // No other process; root is not bound by this one, so the call filter forbids it as well.
        (Resource::Nproc, 0),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
    ];
    for (resource, most) in limits {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}
