//! What a process costs, as the kernel counts it.
//!
//! Source: proc(5), `/proc/pid/stat` fields 14 and 15 in ticks of a hundredth of a second, `/proc/pid/status`.

use std::{fs, time::Duration};

const TICK: Duration = Duration::from_millis(10);

/// Time on processors so far, its own and the kernel's for it.
pub(crate) fn processor_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    let (_, after_name) = stat.rsplit_once(") ").expect("the name stands in brackets");
    // The first field after the name is the third.
    let ticks = after_name.split(' ').skip(11).take(2).map(|field| field.parse::<u32>().expect("ticks are a number"));
    TICK * ticks.sum()
}

/// Megabytes in memory now.
pub(crate) fn memory_mb(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has memory");
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().expect("it is a number");
    kibibytes / 1024.0
}
