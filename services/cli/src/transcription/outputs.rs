//! Where each transcript goes. Decided for all files before the first is uploaded, so that nobody waits an hour to
//! hear that two transcripts want the same name.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

use crate::api::jobs::Format;

/// Where one transcript goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    StandardOutput,
    File(PathBuf),
}

/// One target a file. Makes the folder when there are many files.
pub(super) fn plan(files: &[PathBuf], output: Option<&Path>, format: Format) -> anyhow::Result<Vec<Target>> {
    let Some(output) = output else {
        return Ok(vec![Target::StandardOutput; files.len()]);
    };
    if files.len() == 1 && !means_folder(output) {
        return Ok(vec![Target::File(output.to_owned())]);
    }
    fs::create_dir_all(output).with_context(|| format!("`{}` cannot be used as a folder", output.display()))?;
    let names = names(files, format)?;
    Ok(names.into_iter().map(|name| Target::File(output.join(name))).collect())
}

/// Writes the whole file or nothing.
pub(super) fn write(path: &Path, transcript: &[u8]) -> anyhow::Result<()> {
    let cannot = || format!("Cannot write `{}`", path.display());
    if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        // A pipe or a device such as /dev/null must not be replaced by a file.
        return fs::write(path, transcript).with_context(cannot);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().permissions(permissions()).tempfile_in(folder).with_context(cannot)?;
    file.write_all(transcript).with_context(cannot)?;
    file.persist(path).with_context(cannot)?;
    Ok(())
}

/// What any newly made file gets; the user's umask takes its share off.
fn permissions() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}

fn means_folder(output: &Path) -> bool {
    output.is_dir() || output.as_os_str().as_encoded_bytes().ends_with(b"/")
}

/// `talk.mp3` becomes `talk.srt`; next to a `talk.mp4` both keep their whole names.
fn names(files: &[PathBuf], format: Format) -> anyhow::Result<Vec<String>> {
    let stems: Vec<_> = files.iter().map(|file| file.file_stem().unwrap_or_default().to_string_lossy()).collect();
    let mut taken = BTreeMap::new();
    let mut names = Vec::with_capacity(files.len());
    for (file, stem) in files.iter().zip(&stems) {
        let alone = stems.iter().filter(|other| *other == stem).count() == 1;
        let base = if alone { stem.clone() } else { file.file_name().unwrap_or_default().to_string_lossy() };
        let name = format!("{base}.{}", format.as_str());
        if let Some(other) = taken.insert(name.clone(), file) {
            let (other, file) = (other.display(), file.display());
            bail!("The transcripts of `{other}` and `{file}` would both be called `{name}`: give them separately.");
        }
        names.push(name);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn without_an_output_everything_is_printed() {
        let targets = plan(&files(&["a.mp3", "b.mp3"]), None, Format::Srt).unwrap();
        assert_eq!(targets, [Target::StandardOutput, Target::StandardOutput]);
    }

    #[test]
    fn one_file_goes_where_it_is_told_and_many_go_into_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let one = folder.path().join("subtitles.txt");
        assert_eq!(plan(&files(&["a.mp3"]), Some(&one), Format::Srt).unwrap(), [Target::File(one)]);
        let inside = [Target::File(folder.path().join("a.vtt"))];
        assert_eq!(plan(&files(&["x/a.mp3"]), Some(folder.path()), Format::Vtt).unwrap(), inside);

        let new = folder.path().join("new");
        let targets = plan(&files(&["talk.mp3", "talk.mp4", "other.wav"]), Some(&new), Format::Json).unwrap();
        let expected = ["talk.mp3.json", "talk.mp4.json", "other.json"].map(|name| Target::File(new.join(name)));
        assert_eq!(targets, expected);
        assert!(new.is_dir());
    }

    #[test]
    fn two_transcripts_of_one_name_are_refused_before_any_work() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = plan(&files(&["a/x.mp3", "b/x.mp3"]), Some(folder.path()), Format::Srt).unwrap_err();
        assert!(refusal.to_string().contains("`x.mp3.srt`"), "{refusal}");
    }

    #[test]
    fn an_existing_transcript_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.srt");
        write(&path, b"old and longer").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
