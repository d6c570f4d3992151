//! How the threads that compute together wait for each other. By default `OpenMP`'s spin for long, which on a machine
//! that does anything else makes recognition many times slower; sleeping at once makes each token wait for the kernel.
//! They spin for some microseconds here, which is as long as they wait for each other when nothing is in the way.

use std::{env, io, os::unix::process::CommandExt, process::Command};

/// GNU's `OpenMP` spins a thousand times at the most where it counts more threads than processors, and not at all unless
/// the policy is called active.
const SETTINGS: [(&str, &str); 2] = [("OMP_WAIT_POLICY", "active"), ("GOMP_SPINCOUNT", "2000")];

/// Starts this program anew with threads that spin briefly: `OpenMP` reads its settings before `main`, and never again.
/// Does nothing where the operator, or this function, has set any of them already.
pub fn spin_briefly() -> io::Result<()> {
    if SETTINGS.iter().any(|(name, _)| env::var_os(name).is_some()) {
        return Ok(());
    }
    let mut arguments = env::args_os();
    let mut again = Command::new(env::current_exe()?);
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    Err(again.args(arguments).envs(SETTINGS).exec())
}
