//! Recordings for tests: made with the `ffmpeg` command at test time, or real speech from the folder beside the
//! checkout where there is one. It must never fetch anything.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

use escriba_transcriber::{
    media::{DecodeCommand, DecodeError, DecodeRequest, DecodeSummary, Decoder, DecoderPool, MediaInfo},
    speech::{Device, Engine, Model, ModelSettings},
};
use tokio::sync::OnceCell;

/// A folder of recordings that goes away with the test.
pub(crate) struct Studio {
    folder: tempfile::TempDir,
}

impl Studio {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `ffmpeg` with these arguments, then the path of a new file called `name`.
    pub(crate) fn record(&self, arguments: &str, name: &str) -> PathBuf {
        let path = self.path(name);
        let output = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-y", "-bitexact"])
            .args(arguments.split_whitespace())
            .arg(&path)
            .output()
            .expect("these tests need the ffmpeg command: `make test` installs it");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        path
    }

    /// Somebody reading `text` aloud: a voice made by `ffmpeg`, clear enough for the model.
    pub(crate) fn read_aloud(&self, text: &str, name: &str) -> PathBuf {
        assert!(!text.contains(['\'', ':', '\n']), "ffmpeg would take these for its own syntax");
        let spoken = self.write("script.txt", text);
        self.record(&format!("-f lavfi -i flite=textfile={}:voice=slt", spoken.display()), name)
    }

    /// A file called `name` with these bytes.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// The first `share` hundredths of a file.
    pub(crate) fn cut(&self, whole: &Path, share: usize) -> PathBuf {
        let bytes = std::fs::read(whole).unwrap();
        let name = format!("cut-{}", whole.file_name().unwrap().display());
        self.write(&name, &bytes[..bytes.len() * share / 100])
    }

    /// A file with `count` bytes from `share` hundredths on overwritten by noise.
    pub(crate) fn scratch(&self, whole: &Path, share: usize, count: usize) -> PathBuf {
        let mut bytes = std::fs::read(whole).unwrap();
        let from = bytes.len() * share / 100;
        bytes[from..from + count].copy_from_slice(&noise(count));
        let name = format!("scratched-{}", whole.file_name().unwrap().display());
        self.write(&name, bytes)
    }
}

/// Bytes that look like nothing, the same each time.
pub(crate) fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    })
    .take(count)
    .collect()
}

/// A command that decodes with the binary under test.
pub(crate) fn decode_command() -> DecodeCommand {
    DecodeCommand { program: env!("CARGO_BIN_EXE_escriba-transcriber").into(), ..DecodeCommand::default() }
}

/// Decoders of the binary under test, shared by all tests.
pub(crate) fn decoders() -> &'static DecoderPool {
    static POOL: OnceLock<DecoderPool> = OnceLock::new();
    POOL.get_or_init(|| DecoderPool::start(decode_command()).unwrap())
}

/// Opens a recording with a decoder that this command starts.
pub(crate) fn open_with(command: DecodeCommand, path: &Path) -> Result<Decoder, DecodeError> {
    DecoderPool::start(command)?.decode(&File::open(path)?, &DecodeRequest::default())
}

/// What a shell script says to pass for a decoder that has taken a recording.
pub(crate) const GREETING: &str =
    r"printf 'ESCD\003\006\002\000\000\000\002\002'; /bin/dd count=1 > /dev/null 2>&1; printf '\007\000\000\000\000'";

/// A command that runs a shell script in the decoder's place.
pub(crate) fn impostor(studio: &Studio, script: &str, patience: Duration) -> DecodeCommand {
    let text = studio.write("impostor.sh", format!("#!/bin/sh\n{script}\n"));
    let program = studio.path("impostor");
    // Written by another process: while this one has a program open for writing, a test forking beside this one would
    // keep it from being run.
    let installed = Command::new("install").args(["-m", "755"]).arg(text).arg(&program).status().unwrap();
    assert!(installed.success());
    DecodeCommand { program, patience }
}

/// The model under test, as published, loaded once.
pub(crate) async fn engine() -> &'static Engine {
    static ENGINE: OnceCell<Engine> = OnceCell::const_new();
    let load = || async {
        let model = Model::load(&model_file(), &ModelSettings { device: Device::Cpu })
            .unwrap_or_else(|error| panic!("these tests need the base model (`make test` fetches it): {error}"));
        Engine::start(&model, 2, 2).unwrap()
    };
    ENGINE.get_or_init(load).await
}

/// Where `escriba models pull base` puts the model, or the file that `ESCRIBA_TEST_MODEL` names.
pub(crate) fn model_file() -> PathBuf {
    let pulled = || {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = || PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".local/share");
        let data = || set("XDG_DATA_HOME").unwrap_or_else(home).join("escriba");
        let models = || set("ESCRIBA_DATA_DIR").unwrap_or_else(data).join("models");
        set("MODELS_DIR").unwrap_or_else(models).join("ggml-base.bin")
    };
    std::env::var_os("ESCRIBA_TEST_MODEL").map_or_else(pulled, PathBuf::from)
}

/// A real recording from the folder beside the checkout, which a fresh clone does not have.
pub(crate) fn real_speech(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/audio").join(name);
    let found = path.exists();
    if !found {
        eprintln!("{} is not there: only synthetic speech is tested", path.display());
    }
    found.then_some(path)
}

/// What decoding a whole file gives.
pub(crate) struct Decoded {
    pub(crate) info: MediaInfo,
    pub(crate) samples: Vec<i16>,
    pub(crate) summary: DecodeSummary,
}

pub(crate) fn decode(path: &Path) -> Result<Decoded, DecodeError> {
    decode_as(path, &DecodeRequest::default())
}

pub(crate) fn decode_as(path: &Path, request: &DecodeRequest) -> Result<Decoded, DecodeError> {
    let mut decoder = decoders().decode(&File::open(path)?, request)?;
    let mut samples = Vec::new();
    while let Some(block) = decoder.next_block()? {
        samples.extend(block);
    }
    Ok(Decoded { info: decoder.info(), samples, summary: decoder.finish()? })
}
