//! The first reading of a recording whose channels were asked for separately: it listens until the channels clearly
//! differ, which is soon, or to the end if they do not. It gives nothing out but signs of life.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use crate::media::{
    compare::Comparison,
    decoding::{Decoding, Sink, Stop},
    demux::Recording,
    frames::FrameWriter,
    samples_to_ms,
};

/// A recording of more channels is mixed: that many people hold no conversation, and each is a transcription.
const MOST_CHANNELS: usize = 16;

/// The parent hears so often how far it is.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// How many channels there are to tell apart; 1 if all are the same.
pub(super) fn channels(recording: Recording, max_ms: u64, out: &mut FrameWriter<impl Write>) -> Result<usize, Stop> {
    let channels = recording.channels();
    if !(2..=MOST_CHANNELS).contains(&channels) {
        return Ok(1);
    }
    let expected_ms = recording.stated.guess;
    let comparison = Comparison::new(channels);
    let mut listening = Listening { out, comparison, channels, heard: 0, expected_ms, told: Instant::now() };
    match Decoding::new(recording, channels, max_ms, &mut listening).run() {
        Ok(_) => Ok(if listening.comparison.differ() { channels } else { 1 }),
        Err(Stop::Enough) => Ok(channels),
        Err(stop) => Err(stop),
    }
}

struct Listening<'a, W: Write> {
    out: &'a mut FrameWriter<W>,
    comparison: Comparison,
    channels: usize,
    /// Samples of each channel.
    heard: u64,
    expected_ms: u64,
    told: Instant,
}

impl<W: Write> Sink for Listening<'_, W> {
    fn take(&mut self, samples: &[f32]) -> Result<(), Stop> {
        self.heard += (samples.len() / self.channels) as u64;
        if self.comparison.push(samples) {
            return Err(Stop::Enough);
        }
        if self.told.elapsed() > TELL_EVERY {
            let share = (samples_to_ms(self.heard) * 100).checked_div(self.expected_ms).unwrap_or(0);
            self.out.comparing(u8::try_from(share.min(100)).unwrap_or(100))?;
            self.told = Instant::now();
        }
        Ok(())
    }

    fn damaged(&mut self) -> Result<(), Stop> {
        Ok(())
    }
}
