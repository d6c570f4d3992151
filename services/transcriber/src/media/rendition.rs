//! A rendition of a recording for browsers that cannot play the original: MP3, 16 kHz, one channel, 48 kbit/s. It is made
//! of the very samples that are transcribed, so that its times are those of the transcript, and by the child, which has
//! `FFmpeg` anyway.

use ffmpeg_next::{
    ChannelLayout, Error, Packet, codec, encoder,
    format::{Sample, sample::Type},
    frame,
};

use crate::media::SAMPLE_RATE;

const ENCODER: &str = "libmp3lame";
const BITS_A_SECOND: usize = 48_000;
/// More is no rendition of that many samples: an MP3 has no more than this a second, and its first and last frames.
pub(super) const MOST_BYTES_A_SECOND: u64 = 6_000;

const FORMAT: Sample = Sample::I16(Type::Planar);

/// Encodes samples as they come.
pub(super) struct Encoder {
    inner: encoder::Audio,
    channels: usize,
    /// Samples that are not in a frame yet.
    pending: Vec<i16>,
    frame_samples: usize,
    /// The encoder begins with so much silence of its own: so many samples of the recording's beginning make room for it.
    ahead: usize,
    /// Of the next frame, in samples.
    position: i64,
}

impl Encoder {
    /// `None` where `FFmpeg` was built without such an encoder.
    pub(super) fn new(channels: usize) -> Option<Self> {
        let codec = encoder::find_by_name(ENCODER)?;
        let mut settings = codec::Context::new_with_codec(codec).encoder().audio().ok()?;
        settings.set_rate(SAMPLE_RATE.cast_signed());
        settings.set_format(FORMAT);
        settings.set_channel_layout(ChannelLayout::MONO);
        settings.set_bit_rate(BITS_A_SECOND);
        settings.set_time_base((1, SAMPLE_RATE.cast_signed()));
        let encoder = settings.open_as(codec).ok()?;
        // SAFETY: the encoder is open and nothing else refers to it.
        #[allow(unsafe_code, reason = "the crate has no name for this field")]
        let ahead = unsafe { (*encoder.as_ptr()).initial_padding };
        let frame_samples = usize::try_from(encoder.frame_size()).ok().filter(|&samples| samples > 0)?;
        let ahead = usize::try_from(ahead).unwrap_or(0);
        Some(Self { inner: encoder, channels, pending: Vec::new(), frame_samples, ahead, position: 0 })
    }

    /// Takes samples of all channels, interleaved, and appends what they become to `out`.
    pub(super) fn push(&mut self, samples: &[i16], out: &mut Vec<u8>) -> Result<(), Error> {
        let mixed = samples.chunks_exact(self.channels).map(mean);
        if self.ahead > 0 {
            let mixed: Vec<i16> = mixed.collect();
            let skipped = self.ahead.min(mixed.len());
            self.ahead -= skipped;
            self.pending.extend_from_slice(&mixed[skipped..]);
        } else {
            self.pending.extend(mixed);
        }
        let whole = self.pending.len() / self.frame_samples * self.frame_samples;
        let ready: Vec<i16> = self.pending.drain(..whole).collect();
        for samples in ready.chunks(self.frame_samples) {
            self.encode(samples, out)?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        let rest = std::mem::take(&mut self.pending);
        if !rest.is_empty() {
            self.encode(&rest, out)?;
        }
        self.inner.send_eof()?;
        self.receive(out);
        Ok(())
    }

    fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) -> Result<(), Error> {
        let mut frame = frame::Audio::new(FORMAT, samples.len(), ChannelLayout::MONO);
        frame.set_rate(SAMPLE_RATE);
        frame.set_pts(Some(self.position));
        frame.plane_mut(0).copy_from_slice(samples);
        self.position += samples.len().cast_signed() as i64;
        self.inner.send_frame(&frame)?;
        self.receive(out);
        Ok(())
    }

    fn receive(&mut self, out: &mut Vec<u8>) {
        let mut packet = Packet::empty();
        while self.inner.receive_packet(&mut packet).is_ok() {
            out.extend_from_slice(packet.data().unwrap_or_default());
        }
    }
}

/// All channels as one.
fn mean(samples: &[i16]) -> i16 {
    let sum: i64 = samples.iter().map(|&sample| i64::from(sample)).sum();
    i16::try_from(sum / samples.len().max(1).cast_signed() as i64).unwrap_or_default()
}
