//! The decoding child's work: packets in, samples out, in constant memory. What cannot be decoded is skipped and leaves
//! silence of its own length; what ends too early is said once, at the end. It never looks at the upload's bytes itself,
//! and does not know what becomes of the samples.

use std::{
    io,
    time::{Duration, Instant},
};

use escriba_domain::FailureCode;
use ffmpeg_next::{Error, Packet, frame};

use crate::media::{
    SAMPLE_RATE,
    demux::{self, Recording},
    resample::Resampler,
    samples_to_ms, timeline,
};

/// Samples of each channel are passed on about so many at a time.
const BLOCK: usize = 16_000;

const SAMPLES_A_MS: u64 = SAMPLE_RATE as u64 / 1000;

/// Packets that may fail before the first good one: a stream joined in its middle starts so.
const PRIMING_ERRORS: u32 = 3;

/// The parent takes a silent child for a hung one; this often it hears that work goes on.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// Why decoding stopped without a result.
pub(super) enum Stop {
    /// The file is at fault.
    Media(FailureCode),
    /// The parent no longer listens.
    Pipe(io::Error),
    /// Whoever takes the samples has heard enough.
    Enough,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Pipe(error)
    }
}

/// Takes what is decoded.
pub(super) trait Sink {
    /// Samples at 16 kHz, interleaved. None at all are only a sign of life.
    fn take(&mut self, samples: &[f32]) -> Result<(), Stop>;

    /// Parts of the recording were skipped. Said once.
    fn damaged(&mut self) -> Result<(), Stop>;
}

/// One recording on its way from packets to samples.
pub(super) struct Decoding<'a, S: Sink> {
    recording: Recording,
    sink: &'a mut S,
    resampler: Resampler,
    pending: Vec<f32>,
    /// Samples of each channel given to `pending` so far.
    written: u64,
    /// More than this are too many.
    most: u64,
    /// Where the latest packet of any track ends, in milliseconds.
    reached_ms: u64,
    errors_in_a_row: u32,
    decoded_any: bool,
    damaged: bool,
    last_sent: Instant,
}

/// How a whole decoding went.
pub(super) struct Decoded {
    pub(super) samples: u64,
    /// The length falls short of what the header states, or reading broke off.
    pub(super) truncated: bool,
}

impl<'a, S: Sink> Decoding<'a, S> {
    /// Gives out so many channels, at most `max_ms` of them.
    pub(super) fn new(recording: Recording, channels: usize, max_ms: u64, sink: &'a mut S) -> Self {
        Self {
            recording,
            sink,
            resampler: Resampler::new(channels),
            pending: Vec::with_capacity(2 * BLOCK * channels),
            written: 0,
            most: max_ms.saturating_mul(SAMPLES_A_MS),
            reached_ms: 0,
            errors_in_a_row: 0,
            decoded_any: false,
            damaged: false,
            last_sent: Instant::now(),
        }
    }

    pub(super) fn run(mut self) -> Result<Decoded, Stop> {
        let broke_off = self.read_packets()?;
        // A decoder that refuses to drain has nothing left to give.
        if self.recording.track.decoder.send_eof().is_ok() {
            self.receive_frames()?;
        }
        self.collect(Resampler::drain).map_err(|_| Stop::Media(FailureCode::MediaUndecodable))?;
        self.check_length(0)?;
        self.send()?;
        if !self.decoded_any {
            return Err(Stop::Media(FailureCode::MediaUndecodable));
        }
        Ok(Decoded { samples: self.written, truncated: broke_off || self.is_short() })
    }

    /// Reads to the end. True if that was an error instead of the file's end.
    fn read_packets(&mut self) -> Result<bool, Stop> {
        loop {
            let mut packet = Packet::empty();
            match packet.read(&mut self.recording.input) {
                Ok(()) => self.take(&packet)?,
                Err(Error::Eof) => return Ok(false),
                Err(error) if demux::is_passing(error) => {}
                Err(_) => return Ok(true),
            }
            if self.last_sent.elapsed() > SIGN_OF_LIFE {
                self.send()?;
            }
        }
    }

    fn take(&mut self, packet: &Packet) -> Result<(), Stop> {
        if let Some(end) = self.recording.packet_end_ms(packet) {
            self.reached_ms = self.reached_ms.max(end);
        }
        if packet.stream() != self.recording.track.index {
            return Ok(());
        }
        let accepted = self.recording.track.decoder.send_packet(packet).is_ok();
        if accepted {
            self.receive_frames()?;
        }
        // Counted after its frames: the last packet of a file that breaks off is flagged too.
        if !accepted || packet.is_corrupt() {
            self.errors_in_a_row += 1;
        }
        Ok(())
    }

    fn receive_frames(&mut self) -> Result<(), Stop> {
        let mut frame = frame::Audio::empty();
        loop {
            match self.recording.track.decoder.receive_frame(&mut frame) {
                Ok(()) => self.keep(&frame)?,
                Err(Error::Eof) => return Ok(()),
                Err(error) if demux::is_passing(error) => return Ok(()),
                Err(_) => {
                    self.errors_in_a_row += 1;
                    return Ok(());
                }
            }
        }
    }

    fn keep(&mut self, frame: &frame::Audio) -> Result<(), Stop> {
        if frame.samples() == 0 {
            return Ok(());
        }
        if let Some(time) = frame.timestamp() {
            self.fill_gap(self.recording.position(time))?;
        }
        if self.collect(|resampler, out| resampler.convert(frame, out)).is_err() {
            self.errors_in_a_row += 1;
            return Ok(());
        }
        self.check_length(0)?;
        self.note_errors()?;
        self.decoded_any = true;
        if frame.is_corrupt() || frame.has_decode_errors() {
            self.errors_in_a_row += 1;
        }
        if self.pending.len() >= BLOCK * self.resampler.channels() { self.send() } else { Ok(()) }
    }

    /// Errors count once something good follows them: at the very end they are part of breaking off.
    fn note_errors(&mut self) -> Result<(), Stop> {
        let forgiven = if self.decoded_any { 0 } else { PRIMING_ERRORS };
        if self.errors_in_a_row > forgiven && !self.damaged {
            self.damaged = true;
            self.sink.damaged()?;
        }
        self.errors_in_a_row = 0;
        Ok(())
    }

    fn fill_gap(&mut self, position: i64) -> Result<(), Stop> {
        let stated = self.recording.stated.track.or(self.recording.stated.whole);
        let stated_end = stated.map(|ms| ms.saturating_mul(SAMPLES_A_MS));
        let gap = timeline::gap_before(position, self.written + self.resampler.held(), stated_end);
        if gap == 0 {
            return Ok(());
        }
        // Before any of the silence is made: a single packet can claim to belong years ahead.
        self.check_length(gap)?;
        self.collect(Resampler::drain).map_err(|_| Stop::Media(FailureCode::MediaUndecodable))?;
        for _ in 0..gap / BLOCK as u64 {
            self.silence(BLOCK);
            self.send()?;
        }
        #[allow(clippy::cast_possible_truncation, reason = "a remainder of BLOCK fits")]
        let rest = (gap % BLOCK as u64) as usize;
        self.silence(rest);
        Ok(())
    }

    fn silence(&mut self, count: usize) {
        self.pending.resize(self.pending.len() + count * self.resampler.channels(), 0.0);
        self.written += count as u64;
    }

    fn collect(&mut self, give: impl FnOnce(&mut Resampler, &mut Vec<f32>) -> Result<(), Error>) -> Result<(), Error> {
        let before = self.pending.len();
        let given = give(&mut self.resampler, &mut self.pending);
        self.written += ((self.pending.len() - before) / self.resampler.channels()) as u64;
        given
    }

    /// Fails if so many more samples are too many.
    fn check_length(&self, more: u64) -> Result<(), Stop> {
        let is_fine = self.written.saturating_add(more) <= self.most;
        if is_fine { Ok(()) } else { Err(Stop::Media(FailureCode::MediaTooLong)) }
    }

    fn send(&mut self) -> Result<(), Stop> {
        self.sink.take(&self.pending)?;
        self.pending.clear();
        self.last_sent = Instant::now();
        Ok(())
    }

    fn is_short(&self) -> bool {
        let stated = self.recording.stated;
        let decoded_ms = samples_to_ms(self.written);
        match (stated.track, stated.whole) {
            (Some(track), _) => timeline::falls_short(decoded_ms, track),
            (None, Some(whole)) => timeline::falls_short(decoded_ms.max(self.reached_ms), whole),
            (None, None) => false,
        }
    }
}
