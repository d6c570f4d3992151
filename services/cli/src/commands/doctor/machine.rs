//! Whether this machine has what transcription takes: a processor that is quick enough, memory for the model, disk
//! for recordings, and the model itself.

use std::{fs, io, path::Path};

use escriba_domain::ModelName;
use indicatif::BinaryBytes;

use super::finding::Finding;
use crate::{
    data_dir::DataDir,
    models::{self, catalogue},
};

/// Below this, a few long recordings fill the disk.
const LITTLE_DISK: u64 = 2 << 30;

pub(super) fn look(data: &DataDir, model: &ModelName, models_dir: &Path) -> Vec<Finding> {
    let mut findings = vec![processor(), model_file(model, models_dir)];
    let available = fs::read_to_string("/proc/meminfo").ok().as_deref().and_then(available_memory);
    let weights = weights(model, models_dir);
    findings.extend(available.zip(weights).map(|(available, weights)| memory(model, weights, available)));
    findings.extend(data_folder(data.root()));
    findings
}

#[cfg(target_arch = "x86_64")]
fn processor() -> Finding {
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        Finding::fine("processor", "It has AVX2 and FMA.")
    } else {
        let says = "It lacks AVX2 or FMA, which the speech engine needs.";
        Finding::problem("processor", says, "Use a machine made after about 2015, or expose these features to the VM.")
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn processor() -> Finding {
    Finding::fine("processor", std::env::consts::ARCH)
}

fn model_file(model: &ModelName, folder: &Path) -> Finding {
    let subject = format!("model {model}");
    let fetch = format!("Fetch it with `escriba models pull {model}`; `escriba up` does so too.");
    let path = folder.join(model.file_name());
    let Ok(file) = fs::metadata(&path) else {
        if catalogue::find(model).is_some() {
            return Finding::warning(subject, format!("It is not in {} yet.", folder.display()), fetch);
        }
        let says = format!("It is not in {}, and nobody publishes one of that name.", folder.display());
        return Finding::problem(subject, says, "See `escriba models list` for those there are.");
    };
    if models::trusted(model, folder).is_some() {
        return Finding::fine(subject, format!("{}, {}", BinaryBytes(file.len()), path.display()));
    }
    let right_size = catalogue::find(model).is_some_and(|known| known.weights.bytes == file.len());
    if right_size {
        let check = format!("Check it with `escriba models pull {model} --verify`; `escriba up` does so too.");
        Finding::warning(subject, format!("{} has the right size but was never verified.", path.display()), check)
    } else {
        let says = format!("{} has {} bytes, which is not its size.", path.display(), file.len());
        Finding::problem(subject, says, fetch)
    }
}

fn weights(model: &ModelName, folder: &Path) -> Option<u64> {
    let here = fs::metadata(folder.join(model.file_name())).ok().map(|file| file.len());
    here.or_else(|| catalogue::find(model).map(|known| known.weights.bytes))
}

fn memory(model: &ModelName, weights: u64, available: u64) -> Finding {
    let needed = memory_needed(weights);
    if available >= needed {
        return Finding::fine("memory", format!("{} available.", BinaryBytes(available)));
    }
    let says =
        format!("{} available, and the model `{model}` takes about {}.", BinaryBytes(available), BinaryBytes(needed));
    Finding::warning("memory", says, "Use a smaller model, or a quantised one such as `base-q8_0`.")
}

/// Weights, buffers and the service itself. Fitted to the table "Memory usage" in whisper.cpp's README, which gives
/// 273 MB for tiny (75 MiB of weights) and 3.9 GB for large (2.9 GiB).
fn memory_needed(weights: u64) -> u64 {
    weights + weights / 3 + (200 << 20)
}

/// In bytes, from the kernel's table, which counts in KiB.
fn available_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

fn data_folder(root: &Path) -> Vec<Finding> {
    // Before the first start the folder is not there; then the one it will be made in counts.
    let Some(there) = root.ancestors().find(|folder| folder.is_dir()) else {
        return vec![Finding::problem("data folder", format!("{} cannot be made.", root.display()), CHOOSE)];
    };
    let writable = match probe(there) {
        Ok(()) => Finding::fine("data folder", root.display().to_string()),
        Err(error) => {
            Finding::problem("data folder", format!("{} cannot be written to: {error}.", there.display()), CHOOSE)
        }
    };
    let mut findings = vec![writable];
    findings.extend(rustix::fs::statvfs(there).ok().map(|disk| free_disk(disk.f_bavail * disk.f_frsize)));
    findings
}

const CHOOSE: &str = "Choose a folder of your own with --data-dir or ESCRIBA_DATA_DIR.";

fn probe(folder: &Path) -> io::Result<()> {
    tempfile::tempfile_in(folder).map(drop)
}

fn free_disk(bytes: u64) -> Finding {
    let says = format!("{} free.", BinaryBytes(bytes));
    if bytes < LITTLE_DISK {
        Finding::warning("disk", says, "Recordings are kept there: free some space or choose another folder.")
    } else {
        Finding::fine("disk", says)
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn the_kernels_table_of_memory_is_read() {
        let table = "MemTotal:       16384 kB\nMemFree:         1024 kB\nMemAvailable:    8192 kB\n";
        assert_eq!(available_memory(table), Some(8192 * 1024));
        assert_eq!(available_memory("MemTotal: 1 kB\n"), None);
    }

    #[test]
    fn memory_is_judged_by_the_size_of_the_model() {
        let large: ModelName = "large-v3".parse().unwrap();
        assert_eq!(memory(&large, 3_095_033_483, 3 << 30).verdict, Verdict::Warning);
        assert_eq!(memory(&large, 3_095_033_483, 8 << 30).verdict, Verdict::Fine);
    }

    #[test]
    fn a_model_is_absent_cut_short_or_unknown() {
        let folder = tempfile::tempdir().unwrap();
        let base: ModelName = "base".parse().unwrap();
        assert_eq!(model_file(&base, folder.path()).verdict, Verdict::Warning);
        fs::write(folder.path().join(base.file_name()), "cut").unwrap();
        assert_eq!(model_file(&base, folder.path()).verdict, Verdict::Problem);
        assert_eq!(model_file(&"no-such".parse().unwrap(), folder.path()).verdict, Verdict::Problem);
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_judged_by_its_parent() {
        let folder = tempfile::tempdir().unwrap();
        let findings = data_folder(&folder.path().join("to/be/made"));
        assert_eq!(findings[0].verdict, Verdict::Fine);
        assert_eq!(findings.len(), 2);
        assert!(!folder.path().join("to").exists());
    }
}
