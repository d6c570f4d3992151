//! A clock that is wrong: one program of a stack believes that it is ten minutes earlier or later. Durations stay what
//! they are, because no clock that runs is set back by so much.

use std::{ffi::OsString, path::PathBuf};

use crate::dice::Dice;

/// So many of a hundred seeds have one.
const PERCENT: usize = 50;
/// Minutes and their sign, as libfaketime takes them.
const OFFSETS: [&str; 2] = ["-10m", "+10m"];
/// Where Debian's package puts it.
const LIBRARIES: [&str; 2] =
    ["/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1", "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1"];

#[derive(Debug, Clone)]
pub(crate) struct WrongClock {
    /// Such as `gateway-0`.
    program: String,
    offset: &'static str,
    library: PathBuf,
}

impl WrongClock {
    /// For one of these programs, in some seeds; never without the library that it takes.
    pub(crate) fn choose(seed: u64, programs: &[String]) -> Option<Self> {
        // A chance of its own: what else a seed does is the same with a wrong clock and without.
        let mut dice = Dice::new(seed ^ u64::MAX);
        let library = LIBRARIES.iter().map(PathBuf::from).find(|library| library.is_file())?;
        let chosen = dice.percent(PERCENT);
        let clock = Self { program: dice.pick(programs).clone(), offset: OFFSETS[dice.below(OFFSETS.len())], library };
        chosen.then_some(clock)
    }

    /// The settings that this program needs for it.
    pub(crate) fn settings_of(&self, program: &str) -> Vec<(&'static str, OsString)> {
        if program != self.program {
            return Vec::new();
        }
        vec![
            ("LD_PRELOAD", self.library.clone().into()),
            ("FAKETIME", self.offset.into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ]
    }
}
