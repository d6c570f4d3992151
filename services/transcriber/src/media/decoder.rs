//! The parent's end of decoding: reads what one child says of one recording. It never waits for ever, and never outlives
//! the child: dropping a [`Decoder`] kills and reaps it.

use std::{
    fs::File,
    io::{self, BufReader, Read, Write},
    ops::ControlFlow,
    process::{ChildStdout, ExitStatus},
    sync::Arc,
    time::Duration,
};

use escriba_domain::{FailureCode, WarningCode};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::media::{
    SAMPLE_RATE,
    frames::{Frame, FrameReader},
    jail::Walls,
    pool::{Process, Replenish},
    rendition::MOST_BYTES_A_SECOND,
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
    /// It speaks as no decoder does, so the recording may have taken it over.
    #[error("the decoder makes no sense: {0}")]
    Garbled(#[source] io::Error),
    /// No recording is to blame: it had been given none.
    #[error("the decoder ended before it took a recording: {status}")]
    Unready { status: ExitStatus },
    #[error("canceled while channels were compared")]
    Canceled,
    #[error("the decoder could not be run: {0}")]
    Io(#[from] io::Error),
}

/// What is known of a recording before it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaInfo {
    /// What the header says, which may be a guess.
    pub duration_ms: Option<u64>,
    /// How many channels are given out, interleaved: 1 where they are heard as one.
    pub channels: u16,
}

/// What is known of a recording once it is decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeSummary {
    pub audio_ms: u64,
    pub warnings: Vec<WarningCode>,
}

/// What browsers play in the place of a recording that they cannot play, as MP3 in a file without a name.
#[derive(Debug, Clone)]
pub struct Rendition(pub Arc<File>);

impl PartialEq for Rendition {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Rendition {}

/// A recording being decoded by a child.
#[derive(Debug)]
pub struct Decoder {
    process: Process,
    frames: FrameReader<BufReader<PatientPipe>>,
    patience: Duration,
    walls: Walls,
    info: MediaInfo,
    /// Of each channel.
    samples: u64,
    warnings: Vec<WarningCode>,
    ended: bool,
    rendition: Option<File>,
    rendition_bytes: u64,
    /// After `process`, so that this child is gone before the next is started.
    next: Replenish,
}

impl Decoder {
    /// Waits until a child that was handed a recording has taken it.
    pub(super) fn begin(
        mut process: Process,
        pipe: ChildStdout,
        patience: Duration,
        next: Replenish,
    ) -> Result<Self, DecodeError> {
        let mut frames = FrameReader::new(BufReader::with_capacity(64 * 1024, PatientPipe { pipe, patience }));
        let mut read = || match frames.read() {
            Ok(frame) => Ok(frame),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(DecodeError::Unready { status: process.end()? })
            }
            // A machine that is too busy to start a program says nothing of the recording.
            Err(error) => Err(DecodeError::Io(error)),
        };
        let Frame::Ready(walls) = read()? else { return Err(out_of_order()) };
        let Frame::Began = read()? else { return Err(out_of_order()) };
        let info = MediaInfo { duration_ms: None, channels: 1 };
        Ok(Self {
            process,
            frames,
            patience,
            walls,
            info,
            samples: 0,
            warnings: Vec::new(),
            ended: false,
            rendition: None,
            rendition_bytes: 0,
            next,
        })
    }

    /// Waits until the child has opened the recording.
    pub(super) fn open(&mut self, watch: &mut dyn FnMut(u8) -> ControlFlow<()>) -> Result<(), DecodeError> {
        loop {
            match self.read()? {
                Frame::Comparing { percent } if watch(percent).is_break() => return Err(DecodeError::Canceled),
                Frame::Comparing { .. } => {}
                Frame::Info { channels: 0, .. } => return Err(out_of_order()),
                Frame::Info { duration_ms, channels } => {
                    self.info = MediaInfo { duration_ms: Some(duration_ms).filter(|&ms| ms > 0), channels };
                    return Ok(());
                }
                Frame::Failed { code } => return Err(DecodeError::Media(code)),
                _ => return Err(out_of_order()),
            }
        }
    }

    /// The child's process.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// What confines the child.
    pub fn walls(&self) -> Walls {
        self.walls
    }

    pub fn info(&self) -> MediaInfo {
        self.info
    }

    /// The next samples at 16 kHz, of [`MediaInfo::channels`] interleaved; `None` at the end. A block may be empty while
    /// the child searches a long video for sound.
    pub fn next_block(&mut self) -> Result<Option<Vec<i16>>, DecodeError> {
        while !self.ended {
            match self.read()? {
                Frame::Pcm(samples) => {
                    let channels = usize::from(self.info.channels);
                    if samples.len() % channels != 0 {
                        return Err(out_of_order());
                    }
                    if !samples.is_empty() {
                        self.next.now();
                    }
                    self.samples += (samples.len() / channels) as u64;
                    return Ok(Some(samples));
                }
                Frame::Rendition(bytes) => self.keep(&bytes)?,
                Frame::Warning(code) => self.warnings.push(code),
                Frame::End { samples } if samples == self.samples => self.ended = true,
                Frame::Failed { code } => return Err(DecodeError::Media(code)),
                _ => return Err(out_of_order()),
            }
        }
        Ok(None)
    }

    /// What the child made for browsers, once there is no further block.
    pub fn take_rendition(&mut self) -> Option<Rendition> {
        self.rendition.take().map(|file| Rendition(Arc::new(file)))
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        self.rendition_bytes += bytes.len() as u64;
        // A little more for the first second, and for what an encoder holds back.
        let most = (self.samples / u64::from(SAMPLE_RATE) + 2) * MOST_BYTES_A_SECOND;
        if self.rendition_bytes > most {
            return Err(DecodeError::Garbled(io::Error::new(io::ErrorKind::InvalidData, "the rendition has no end")));
        }
        let file = match &mut self.rendition {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        Ok(file.write_all(bytes)?)
    }

    /// Decodes what is left, forgets it, and says how it went.
    pub fn finish(mut self) -> Result<DecodeSummary, DecodeError> {
        while self.next_block()?.is_some() {}
        Ok(DecodeSummary { audio_ms: samples_to_ms(self.samples), warnings: std::mem::take(&mut self.warnings) })
    }

    fn read(&mut self) -> Result<Frame, DecodeError> {
        self.frames.read().map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => match self.process.end() {
                Ok(status) => DecodeError::Crashed { status },
                Err(error) => DecodeError::Io(error),
            },
            io::ErrorKind::TimedOut => DecodeError::Stalled { after: self.patience },
            io::ErrorKind::InvalidData => DecodeError::Garbled(error),
            _ => DecodeError::Io(error),
        })
    }
}

fn out_of_order() -> DecodeError {
    DecodeError::Garbled(io::Error::new(io::ErrorKind::InvalidData, "the decoder's messages are out of order"))
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
