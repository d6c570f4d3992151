//! A folder on a small disk of its own, so that it can be full, and can lose what it was not told to keep. Mounting
//! takes rights that not everybody has; without them it is a plain folder, and neither can happen to it.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, ensure};
use rustix::ioctl::{Setter, ioctl, opcode};
use tokio::time::{Instant, sleep};

const PIECE: usize = 256 << 10;
/// Whoever was killed may hold the disk a moment longer.
const PATIENCE: Duration = Duration::from_secs(30);
const TRY_AGAIN: Duration = Duration::from_millis(50);

/// Linux's `FS_IOC_SHUTDOWN`, with which its own filesystem tests let the power fail, and its most merciless mode: not
/// even the journal is written out.
const SHUT_DOWN: rustix::ioctl::Opcode = opcode::read::<u32>(b'X', 125);
const WITHOUT_JOURNAL: u32 = 2;

#[derive(Debug)]
pub(crate) struct Volume {
    folder: PathBuf,
    /// What is mounted there.
    image: Option<PathBuf>,
}

impl Volume {
    /// Makes the folder, with so many megabytes where that can be done.
    pub(crate) fn make(folder: PathBuf, megabytes: u64) -> anyhow::Result<Self> {
        fs::create_dir_all(&folder)?;
        let image = folder.with_extension("disk");
        File::create(&image)?.set_len(megabytes << 20)?;
        let mut format = Command::new("mkfs.ext4");
        format.args(["-q", "-F", "-m", "0"]).arg(&image);
        if !works(&mut format) || !mount(&image, &folder) {
            fs::remove_file(image)?;
            return Ok(Self { folder, image: None });
        }
        fs::remove_dir(folder.join("lost+found"))?;
        File::open(&folder)?.sync_all()?;
        Ok(Self { folder, image: Some(image) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// Whether it is a disk, or only a folder.
    pub(crate) const fn is_disk(&self) -> bool {
        self.image.is_some()
    }

    /// Leaves no room for anything.
    pub(crate) fn fill(&self) -> std::io::Result<()> {
        let mut filler = File::create(self.filler())?;
        let mut piece = vec![0; PIECE];
        while !piece.is_empty() {
            // The last pages are taken one by one.
            if filler.write_all(&piece).is_err() {
                piece.truncate(piece.len() / 2);
            }
        }
        Ok(())
    }

    /// For good: the room is there after a loss of power too.
    pub(crate) fn make_room(&self) -> std::io::Result<()> {
        fs::remove_file(self.filler())?;
        File::open(&self.folder)?.sync_all()
    }

    /// From this moment on nothing is written any more: what was not synchronised is lost.
    pub(crate) fn lose_power(&self) -> anyhow::Result<()> {
        shut_down(&File::open(&self.folder)?).with_context(|| format!("{} keeps its power", self.folder.display()))
    }

    /// Reads the disk anew, as it is found when the power is back.
    pub(crate) async fn regain_power(&self) -> anyhow::Result<()> {
        let image = self.image.as_ref().context("it is a plain folder")?;
        let given_up = Instant::now() + PATIENCE;
        while !works(Command::new("umount").arg(&self.folder)) {
            ensure!(Instant::now() < given_up, "somebody still holds {}", self.folder.display());
            sleep(TRY_AGAIN).await;
        }
        ensure!(mount(image, &self.folder), "{} cannot be mounted again", self.folder.display());
        Ok(())
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        if self.is_disk() {
            works(Command::new("umount").arg("--lazy").arg(&self.folder));
        }
    }
}

fn mount(image: &Path, folder: &Path) -> bool {
    works(Command::new("mount").args(["-t", "ext4", "-o", "loop"]).arg(image).arg(folder))
}

fn works(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[expect(unsafe_code, reason = "no safe crate has this call")]
fn shut_down(folder: &File) -> std::io::Result<()> {
    // SAFETY: the kernel reads one number from the pointer, which is what this call is declared to take.
    Ok(unsafe { ioctl(folder, Setter::<SHUT_DOWN, u32>::new(WITHOUT_JOURNAL)) }?)
}
