//! From uploaded bytes to 16 kHz mono samples. Uploads are hostile until proven otherwise, so `FFmpeg` runs only in a
//! child process ([`decode_child`]) that is jailed, then handed an open file and nothing else; this process talks to it
//! through [`DecoderPool`] and [`Decoder`], and must never call into `FFmpeg` itself.

mod compare;
pub mod decode_child;
mod decoder;
mod decoding;
mod demux;
mod downmix;
mod frames;
pub mod jail;
mod listening;
mod loudness;
mod ogg_tail;
mod pair_mixer;
mod pool;
mod rendition;
mod request;
mod resample;
mod riff;
mod sniff;
mod timeline;
mod tracks;

pub use decoder::{DecodeError, DecodeSummary, Decoder, MediaInfo, Rendition};
pub use pool::{DecodeCommand, DecoderPool};
pub use request::DecodeRequest;

/// Samples a second of everything that leaves this module: what Whisper was trained on.
pub const SAMPLE_RATE: u32 = 16_000;

/// Samples in so many milliseconds.
pub const fn ms_to_samples(ms: u64) -> u64 {
    ms * (SAMPLE_RATE as u64 / 1000)
}

/// Milliseconds that so many samples last, rounded down.
pub const fn samples_to_ms(samples: u64) -> u64 {
    samples * 1000 / SAMPLE_RATE as u64
}
