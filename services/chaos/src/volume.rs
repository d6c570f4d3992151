//! A folder on a small filesystem of its own, so that it can be full. Mounting takes rights that not everybody has;
//! without them it is a plain folder, and cannot be filled.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const PIECE: usize = 256 << 10;

#[derive(Debug)]
pub(crate) struct Volume {
    folder: PathBuf,
    is_mounted: bool,
}

impl Volume {
    /// Makes the folder, with so many megabytes where that can be done.
    pub(crate) fn make(folder: PathBuf, megabytes: usize) -> anyhow::Result<Self> {
        fs::create_dir_all(&folder)?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={megabytes}m,mode=0755"), "escriba-chaos"]).arg(&folder);
        let mounted = mount.stdout(Stdio::null()).stderr(Stdio::null()).status();
        Ok(Self { folder, is_mounted: mounted.is_ok_and(|status| status.success()) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    pub(crate) const fn can_be_full(&self) -> bool {
        self.is_mounted
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

    pub(crate) fn make_room(&self) {
        fs::remove_file(self.filler()).ok();
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        if self.is_mounted {
            Command::new("umount").arg("--lazy").arg(&self.folder).status().ok();
        }
    }
}
