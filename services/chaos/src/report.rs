//! What a run says of itself: a line a seed for people, and a file for the table in docs/reliability.md.

use std::{collections::BTreeMap, fmt, fs, path::Path};

use serde::Serialize;

use crate::checks::Tally;

/// One seed.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SeedReport {
    pub(crate) seed: u64,
    pub(crate) database: &'static str,
    /// How often each row of the table of faults was put to the test.
    pub(crate) faults: BTreeMap<&'static str, u32>,
    pub(crate) jobs: Tally,
    pub(crate) seconds: u64,
    /// Processes that ended although nobody ended them, most of them by poison.
    pub(crate) deaths: u32,
    pub(crate) troubles: Vec<String>,
}

/// What a row of the table has been through.
#[derive(Debug, Default, Serialize)]
struct Row {
    /// How often.
    injected: u32,
    seeds: u32,
    /// Seeds with this fault in which something did not hold, whatever fault was to blame.
    bad_seeds: u32,
}

#[derive(Debug, Serialize)]
struct Summary<'a> {
    seeds: usize,
    bad_seeds: usize,
    accepted: u32,
    /// Accepted, and not there or not over or not as it should be.
    troubles: usize,
    faults: BTreeMap<&'static str, Row>,
    runs: &'a [SeedReport],
}

impl SeedReport {
    /// A seed that did not come to its checks, which is as bad as failing them.
    pub(crate) fn broken_off(seed: u64, error: &anyhow::Error) -> Self {
        Self {
            seed,
            database: "",
            faults: BTreeMap::new(),
            jobs: Tally::default(),
            seconds: 0,
            deaths: 0,
            troubles: vec![format!("{error:#}")],
        }
    }

    pub(crate) fn is_good(&self) -> bool {
        self.troubles.is_empty()
    }
}

impl fmt::Display for SeedReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut faults: Vec<_> = self.faults.iter().collect();
        faults.sort_by_key(|(row, _)| row.trim_start_matches('F').parse::<u32>().unwrap_or(0));
        let faults: Vec<_> = faults
            .iter()
            .map(|(row, times)| if **times == 1 { (*row).to_string() } else { format!("{row}x{times}") })
            .collect();
        let Tally { accepted, completed, failed, canceled, given_up, unanswered, refusals, unannounced, orphans } =
            &self.jobs;
        write!(
            f,
            "seed {:>3} {:<8} {:>4} s  {} | {accepted} jobs: {completed} completed, {failed} failed ({given_up} given \
             up), {canceled} canceled; {unanswered} not accepted {refusals:?} ({unannounced} took effect), {orphans} orphans, \
             {} deaths | {}",
            self.seed,
            self.database,
            self.seconds,
            faults.join(" "),
            self.deaths,
            if self.is_good() { "good" } else { "BAD" },
        )
    }
}

/// Writes the file.
pub(crate) fn write(path: &Path, runs: &mut [SeedReport]) -> anyhow::Result<()> {
    runs.sort_by_key(|run| run.seed);
    let mut faults: BTreeMap<&'static str, Row> = BTreeMap::new();
    for run in runs.iter() {
        for (row, times) in &run.faults {
            let row = faults.entry(row).or_default();
            row.injected += times;
            row.seeds += 1;
            row.bad_seeds += u32::from(!run.is_good());
        }
    }
    let summary = Summary {
        seeds: runs.len(),
        bad_seeds: runs.iter().filter(|run| !run.is_good()).count(),
        accepted: runs.iter().map(|run| run.jobs.accepted).sum(),
        troubles: runs.iter().map(|run| run.troubles.len()).sum(),
        faults,
        runs,
    };
    fs::write(path, serde_json::to_string_pretty(&summary)?)?;
    Ok(())
}
