//! Speech that one transcriber finds and another recognises: windows as bytes and back, without any loss.

use escriba_proto::v1;
use prost::Message as _;

use super::windower::{Span, Window};

/// A window and the channel it is of; `None` when the channels were mixed.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredWindow {
    pub window: Window,
    pub channel: Option<u16>,
}

/// Samples came as 16 bits and stay that.
const FULL_SCALE: f32 = 32_768.0;

/// The bytes to store.
pub fn to_bytes(windows: &[StoredWindow]) -> Vec<u8> {
    let windows = windows.iter().map(|StoredWindow { window, channel }| v1::StoredWindow {
        start_ms: window.start_ms,
        end_ms: window.end_ms,
        speech: window.speech.iter().map(|&Span { start_ms, end_ms }| v1::SpeechSpan { start_ms, end_ms }).collect(),
        channel: channel.map_or(0, u32::from),
        pcm: window.samples.iter().flat_map(|&sample| to_pcm(sample).to_le_bytes()).collect(),
    });
    v1::StoredSpeech { windows: windows.collect() }.encode_to_vec()
}

/// The windows that were stored.
pub fn from_bytes(bytes: &[u8]) -> Result<Vec<StoredWindow>, prost::DecodeError> {
    let stored = v1::StoredSpeech::decode(bytes)?;
    Ok(stored.windows.into_iter().map(from_proto).collect())
}

fn from_proto(stored: v1::StoredWindow) -> StoredWindow {
    let (samples, _) = stored.pcm.as_chunks();
    let speech = stored.speech.into_iter().map(|v1::SpeechSpan { start_ms, end_ms }| Span { start_ms, end_ms });
    StoredWindow {
        window: Window {
            start_ms: stored.start_ms,
            end_ms: stored.end_ms,
            samples: samples.iter().map(|&sample| f32::from(i16::from_le_bytes(sample)) / FULL_SCALE).collect(),
            speech: speech.collect(),
        },
        channel: u16::try_from(stored.channel).ok().filter(|&channel| channel > 0),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a cast of a float saturates")]
fn to_pcm(sample: f32) -> i16 {
    (sample * FULL_SCALE) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_come_back_as_they_were() {
        let samples = (i16::MIN..=i16::MAX).map(|sample| f32::from(sample) / FULL_SCALE).collect();
        let speech = vec![Span { start_ms: 1_000, end_ms: 2_500 }, Span { start_ms: 3_000, end_ms: 3_900 }];
        let window = Window { start_ms: 640, end_ms: 4_736, samples, speech };
        let windows = [None, Some(2)].map(|channel| StoredWindow { window: window.clone(), channel });
        assert_eq!(from_bytes(&to_bytes(&windows)).unwrap(), windows);
        assert!(from_bytes(b"not windows").is_err());
    }
}
