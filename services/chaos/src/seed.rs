//! One seed from its first process to its last: start, load and faults, peace, checks, end.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc, time::Duration};

use escriba_e2e::processes;
use tokio::time::{Instant, sleep};

use crate::{
    checks::{self, Tally},
    clock::WrongClock,
    dice::Dice,
    faults::{self, Fault},
    house::House,
    load,
    recordings::Recording,
    report::SeedReport,
    settle::settle,
    stack::{Stack, TRANSCRIBERS},
    world::{Reference, World},
};

/// A child that outlived its parent has been seen off after this.
const LAST_BREATH: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What all seeds of a run have in common.
pub(crate) struct Run {
    pub(crate) recordings: Vec<Recording>,
    pub(crate) reference: Reference,
    pub(crate) can_retry: bool,
    /// Rows of the table of faults that are left out.
    pub(crate) without: Vec<String>,
}

impl Run {
    /// Runs a seed in a folder of its own, which stays if something did not hold.
    pub(crate) async fn seed_in(&self, seed: u64, place: &Path) -> anyhow::Result<SeedReport> {
        let folder = place.join(format!("seed-{seed}"));
        fs::create_dir(&folder)?;
        let ended = self.seed(seed, &folder).await;
        let report = ended.unwrap_or_else(|error| SeedReport::broken_off(seed, &error));
        if report.is_good() {
            fs::remove_dir_all(&folder)?;
        }
        Ok(report)
    }

    /// `folder` takes everything of this seed, logs included.
    async fn seed(&self, seed: u64, folder: &Path) -> anyhow::Result<SeedReport> {
        let begun = Instant::now();
        let mut dice = Dice::new(seed);
        let house = if seed.is_multiple_of(2) { House::sqlite(folder)? } else { House::postgres(folder).await? };
        let database = house.name();
        let clock = WrongClock::choose(seed, &programs(&house));
        let clock = clock.filter(|_| !self.without.iter().any(|row| row == Fault::SkewClock.row()));
        let skewed = u32::from(clock.is_some());
        let stack = Stack::start(folder, house, clock).await?;
        let world = Arc::new(World::new(stack, self.recordings.clone(), self.reference.clone()));
        let workspaces = world.stack.callers.len();
        let submissions = load::plan(&mut dice, &self.recordings, workspaces, self.can_retry);
        let mut faults = self.of_load(&world, &submissions);
        let (done, ()) = tokio::join!(faults::run(&world, dice.fork(), &self.without), load::run(&world, submissions));
        for fault in &done {
            *faults.entry(fault.row()).or_default() += 1;
        }
        if skewed > 0 {
            faults.insert(Fault::SkewClock.row(), skewed);
        }
        let (mut jobs, mut deaths) = (Tally::default(), 0);
        let ended = async {
            settle(&world).await?;
            jobs = checks::check(&world, &done).await?;
            deaths = end(&world).await?;
            anyhow::Ok(())
        };
        // What was complained of before tells why.
        if let Err(error) = ended.await {
            world.complain(format!("{error:#}"));
        }
        let troubles = world.take_troubles();
        Ok(SeedReport { seed, database, faults, jobs, seconds: begun.elapsed().as_secs(), deaths, troubles })
    }

    /// The faults that come with what is sent.
    fn of_load(&self, world: &World, submissions: &[load::Submission]) -> BTreeMap<&'static str, u32> {
        let count = |wanted: &dyn Fn(&load::Submission) -> bool| submissions.iter().filter(|sent| wanted(sent)).count();
        let counts = [
            (Fault::Poison, count(&|sent| sent.is_poison(&self.recordings))),
            (Fault::StallReader, count(&load::Submission::is_stalled)),
            (Fault::Cancel, count(&load::Submission::is_canceled)),
            (Fault::FreezeGateway, usize::from(world.stack.gateways.len() > 1)),
        ];
        let some = counts.into_iter().filter(|(_, times)| *times > 0);
        some.map(|(fault, times)| (fault.row(), u32::try_from(times).unwrap_or(u32::MAX))).collect()
    }
}

/// The names of all programs that know the time.
fn programs(house: &House) -> Vec<String> {
    let gateways = (0..house.gateways()).map(|number| format!("gateway-{number}"));
    gateways.chain((0..TRANSCRIBERS).map(|number| format!("transcriber-{number}"))).collect()
}

/// Ends everything, and looks that nobody stays. The answer is how many processes ended by themselves before.
async fn end(world: &World) -> anyhow::Result<u32> {
    let mut deaths = 0;
    for process in world.stack.processes() {
        deaths += process.lock().await.deaths.len();
    }
    for trouble in world.stack.stop().await? {
        world.complain(trouble);
    }
    let program = &world.stack.transcriber;
    let given_up = Instant::now() + LAST_BREATH;
    while !of_program(program).is_empty() {
        if Instant::now() > given_up {
            world.complain(format!("processes stay: {:?}", of_program(program)));
            break;
        }
        sleep(LOOK_AGAIN).await;
    }
    Ok(u32::try_from(deaths).unwrap_or(u32::MAX))
}

/// The processes that run a program. A decoding child has no settings, so nothing else tells whose it is.
fn of_program(program: &Path) -> Vec<u32> {
    let runs = |pid: &u32| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program);
    let ids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(runs).filter(|pid| processes::lives(*pid)).collect()
}
