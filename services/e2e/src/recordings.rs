//! Recordings to send: the samples that come with the project, real speech from the folder beside the checkout where
//! there is one, and what the `ffmpeg` command makes of them. It fetches nothing.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use escriba_test_support::{repo_root, sample};
use serde_json::Value;
use tempfile::TempDir;

/// A recording and what is said in it.
#[derive(Debug, Clone)]
pub struct Spoken {
    pub file: PathBuf,
    pub text: String,
}

impl Spoken {
    /// The English sample.
    pub fn english() -> Self {
        Self::sample("english.m4a", "english.txt")
    }

    /// The Spanish sample.
    pub fn spanish() -> Self {
        Self::sample("spanish.ogg", "spanish.txt")
    }

    /// Real speech, eleven seconds long, where the folder `shared/audio` lies beside the checkout.
    pub fn jfk() -> Option<Self> {
        let folder = repo_root().parent()?.join("shared/audio");
        let manifest: Value = serde_json::from_slice(&fs::read(folder.join("manifest.json")).ok()?).ok()?;
        let entry = manifest.as_array()?.iter().find(|entry| entry["file"] == "en/jfk.flac")?;
        Some(Self { file: folder.join("en/jfk.flac"), text: entry["transcript"].as_str()?.to_owned() })
    }

    fn sample(file: &str, text: &str) -> Self {
        let text = fs::read_to_string(sample(text)).expect("a sample's text can be read");
        Self { file: sample(file), text }
    }
}

/// A folder of recordings that goes away with the test.
#[derive(Debug)]
pub struct Studio {
    folder: TempDir,
}

impl Default for Studio {
    fn default() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder can be made") }
    }
}

impl Studio {
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).expect("a file can be written in a folder of our own");
        path
    }

    /// Runs `ffmpeg` with these arguments, separated by spaces, then the path of the new file.
    pub fn make(&self, arguments: &str, name: &str) -> PathBuf {
        self.run(&arguments.split_whitespace().collect::<Vec<_>>(), name)
    }

    /// A recording in another form: `arguments` say which.
    pub fn convert(&self, source: &Path, arguments: &str, name: &str) -> PathBuf {
        let source = source.to_str().expect("our paths are text");
        let arguments = ["-i", source].into_iter().chain(arguments.split_whitespace());
        self.run(&arguments.collect::<Vec<_>>(), name)
    }

    /// A recording so many times over, with a second of silence after each.
    pub fn repeat(&self, source: &Path, times: usize, name: &str) -> PathBuf {
        let padded = self.convert(source, "-af apad=pad_dur=1 -ar 16000 -ac 1", "once.wav");
        let loops = (times - 1).to_string();
        let source = padded.to_str().expect("our paths are text");
        self.run(&["-stream_loop", &loops, "-i", source], name)
    }

    /// The first so many per cent of a file's bytes.
    pub fn cut(&self, source: &Path, percent: usize) -> PathBuf {
        let bytes = fs::read(source).expect("a recording of ours can be read");
        let name = source.file_name().and_then(|name| name.to_str()).expect("our names are text");
        self.write(&format!("cut-{name}"), &bytes[..bytes.len() * percent / 100])
    }

    fn run(&self, arguments: &[&str], name: &str) -> PathBuf {
        let path = self.path(name);
        let output = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-y", "-bitexact"])
            .args(arguments)
            .arg(&path)
            .output()
            .expect("these tests need the ffmpeg command: `make setup-tests` installs it");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        path
    }
}
