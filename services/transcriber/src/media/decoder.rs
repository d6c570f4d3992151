//! The parent's end of decoding: starts a child on an open file and reads samples from it. It never waits for ever, and
//! never outlives the child: dropping a [`Decoder`] kills and reaps it.
//!
//! A child dies with the *thread* that started it (`PR_SET_PDEATHSIG`), so a decoder must be spawned on a thread that
//! lives at least as long as the decoder.

use std::{
    env,
    fs::File,
    io::{self, BufReader, Read},
    path::PathBuf,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    time::Duration,
};

use escriba_domain::{FailureCode, WarningCode};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::media::{
    frames::{Frame, FrameReader},
    samples_to_ms,
};

/// Why a recording was not decoded.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The recording is at fault; trying again changes nothing.
    #[error("the recording cannot be decoded: {0}")]
    Media(FailureCode),
    #[error("the decoder died of this recording: {status}")]
    Crashed { status: ExitStatus },
    #[error("the decoder gave no sign of life for {} s", .after.as_secs())]
    Stalled { after: Duration },
    #[error("the decoder could not be run: {0}")]
    Io(#[from] io::Error),
}

/// What is known of a recording before it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaInfo {
    /// What the header says, which may be a guess.
    pub duration_ms: Option<u64>,
}

/// What is known of a recording once it is decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeSummary {
    pub audio_ms: u64,
    pub warnings: Vec<WarningCode>,
}

/// How to run the child.
#[derive(Debug, Clone)]
pub struct DecodeCommand {
    /// A binary whose `decode` command is [`super::decode_child::main`].
    pub program: PathBuf,
    /// A child that says nothing for this long is killed.
    pub patience: Duration,
}

impl Default for DecodeCommand {
    fn default() -> Self {
        // Not `current_exe`: a binary replaced during a deployment would start children of another version.
        Self { program: PathBuf::from("/proc/self/exe"), patience: Duration::from_mins(1) }
    }
}

impl DecodeCommand {
    /// Starts a child on `file` and waits until it has opened the recording.
    pub fn spawn(&self, file: File) -> Result<Decoder, DecodeError> {
        let mut command = Command::new(&self.program);
        command.arg("decode").env_clear().current_dir("/").stdin(file).stdout(Stdio::piped());
        // Without it the child would not start where FFmpeg's libraries lie in a folder of their own.
        if let Some(libraries) = env::var_os("LD_LIBRARY_PATH") {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        let mut child = command.spawn()?;
        let pipe = child.stdout.take().ok_or_else(|| io::Error::other("the decoder has no standard output"))?;
        let pipe = PatientPipe { pipe, patience: self.patience };
        let mut decoder = Decoder {
            child,
            frames: FrameReader::new(BufReader::with_capacity(64 * 1024, pipe)),
            patience: self.patience,
            info: MediaInfo { duration_ms: None },
            samples: 0,
            warnings: Vec::new(),
            ended: false,
        };
        match decoder.read()? {
            Frame::Info { duration_ms } => decoder.info.duration_ms = Some(duration_ms).filter(|&ms| ms > 0),
            Frame::Failed { code } => return Err(DecodeError::Media(code)),
            _ => return Err(out_of_order()),
        }
        Ok(decoder)
    }
}

/// A recording being decoded by a child.
#[derive(Debug)]
pub struct Decoder {
    child: Child,
    frames: FrameReader<BufReader<PatientPipe>>,
    patience: Duration,
    info: MediaInfo,
    samples: u64,
    warnings: Vec<WarningCode>,
    ended: bool,
}

impl Decoder {
    /// Starts this program's own child on `file`.
    pub fn spawn(file: File) -> Result<Self, DecodeError> {
        DecodeCommand::default().spawn(file)
    }

    pub fn info(&self) -> MediaInfo {
        self.info
    }

    /// The next samples, 16 kHz mono; `None` at the end. A block may be empty while the child searches a long video for
    /// sound.
    pub fn next_block(&mut self) -> Result<Option<Vec<i16>>, DecodeError> {
        while !self.ended {
            match self.read()? {
                Frame::Pcm(samples) => {
                    self.samples += samples.len() as u64;
                    return Ok(Some(samples));
                }
                Frame::Warning(code) => self.warnings.push(code),
                Frame::End { samples } if samples == self.samples => self.ended = true,
                Frame::Failed { code } => return Err(DecodeError::Media(code)),
                Frame::Info { .. } | Frame::End { .. } => return Err(out_of_order()),
            }
        }
        Ok(None)
    }

    /// Decodes what is left, forgets it, and says how it went.
    pub fn finish(mut self) -> Result<DecodeSummary, DecodeError> {
        while self.next_block()?.is_some() {}
        Ok(DecodeSummary { audio_ms: samples_to_ms(self.samples), warnings: std::mem::take(&mut self.warnings) })
    }

    fn read(&mut self) -> Result<Frame, DecodeError> {
        self.frames.read().map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => match self.child.wait() {
                Ok(status) => DecodeError::Crashed { status },
                Err(error) => DecodeError::Io(error),
            },
            io::ErrorKind::TimedOut => DecodeError::Stalled { after: self.patience },
            _ => DecodeError::Io(error),
        })
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // Both fail only for a child that has been reaped already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn out_of_order() -> DecodeError {
    DecodeError::Io(io::Error::new(io::ErrorKind::InvalidData, "the decoder's messages are out of order"))
}

/// The child's output, with an end to waiting for it.
#[derive(Debug)]
struct PatientPipe {
    pipe: ChildStdout,
    patience: Duration,
}

impl Read for PatientPipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let patience = Timespec::try_from(self.patience).map_err(io::Error::other)?;
        let mut descriptors = [PollFd::new(&self.pipe, PollFlags::IN)];
        loop {
            match poll(&mut descriptors, Some(&patience)) {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) => return self.pipe.read(buffer),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
