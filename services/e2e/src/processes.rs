//! Which processes of this machine belong to a folder: how a test sees that a supervisor, or a worker that was killed,
//! leaves nobody behind.

use std::{fs, path::Path};

/// The ids of processes whose command line or environment names the folder.
pub fn of_folder(folder: &Path) -> Vec<u32> {
    let name = folder.as_os_str().as_encoded_bytes();
    all().filter(|pid| mentions(*pid, "cmdline", name) || mentions(*pid, "environ", name)).collect()
}

/// The ids of a process's children.
pub fn children(parent: u32) -> Vec<u32> {
    all().filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

/// Whether it runs; a process that has ended and that nobody has looked after yet does not.
pub fn lives(pid: u32) -> bool {
    stat(pid).is_some_and(|stat| !stat.starts_with('Z'))
}

/// The most memory that a process has had in use, in bytes; `None` once it has ended.
pub fn peak_memory(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kibibytes * 1024)
}

fn all() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").expect("this is Linux").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(|pid| lives(*pid))
}

fn mentions(pid: u32, file: &str, name: &[u8]) -> bool {
    // A process that has just ended mentions nothing.
    let text = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    text.windows(name.len()).any(|window| window == name)
}

fn parent_of(pid: u32) -> Option<u32> {
    stat(pid)?.split(' ').nth(1)?.parse().ok()
}

/// What follows the name in brackets: the state, the parent, and more.
fn stat(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(") ")?.1.to_owned())
}
