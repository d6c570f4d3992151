//! Recordings in storage: what was accepted is there, whole, and the sweep removes everything else and nothing more.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    path::Path,
    time::{Duration, SystemTime},
};

use anyhow::Context;
use escriba_database::jobs::Job;
use escriba_e2e::stack::files_below;
use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::Tally;
use crate::{layout::program, world::World};

/// Old enough to be swept.
const AGE: Duration = Duration::from_hours(48);

pub(super) async fn check(world: &World, found: &BTreeMap<String, Job>, tally: &mut Tally) -> anyhow::Result<()> {
    let root = world.stack.storage.path().join("media");
    let path = |job: &Job| root.join(job.workspace.to_string()).join(job.media.to_string());
    let needed: BTreeSet<_> = found.values().map(path).collect();
    let orphans = files_below(&root).into_iter().filter(|path| !needed.contains(path)).count();
    tally.orphans = u32::try_from(orphans).context("there are few files")?;
    sweep(world).await?;
    for (name, job) in found {
        match fs::read(path(job)) {
            Ok(bytes) if Sha256::digest(&bytes).as_slice() == job.media_sha256 => {}
            Ok(bytes) => world.complain(format!("the recording of {name} is not what was sent: {} bytes", bytes.len())),
            Err(error) => world.complain(format!("the recording of {name} is lost: {error}")),
        }
    }
    let stay: Vec<_> = files_below(&root).into_iter().filter(|path| !needed.contains(path)).collect();
    if !stay.is_empty() {
        world.complain(format!("the sweep leaves recordings without a job: {stay:?}"));
    }
    Ok(())
}

/// Lets everything in storage be old, and sweeps it as an operator does.
async fn sweep(world: &World) -> anyhow::Result<()> {
    let storage = world.stack.storage.path();
    let long_ago = SystemTime::now() - AGE;
    for path in files_below(storage) {
        age(&path, long_ago)?;
    }
    let swept = Command::new(program("escriba-gateway")?)
        .arg("sweep")
        .env_clear()
        .env("DATABASE_URL", &world.stack.database_url)
        .env("STORAGE_URL", format!("file://{}", storage.display()))
        .output()
        .await?;
    if !swept.status.success() {
        world.complain(format!("the sweep failed: {}", String::from_utf8_lossy(&swept.stderr)));
    }
    Ok(())
}

fn age(path: &Path, to: SystemTime) -> std::io::Result<()> {
    File::options().write(true).open(path)?.set_modified(to)
}
