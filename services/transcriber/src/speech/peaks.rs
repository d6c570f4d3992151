//! The outline of a recording, to be drawn beside its transcript: how far its samples go down and up in each twentieth of
//! a second. All channels as one.

use escriba_proto::v1::StoredPeaks;
use prost::Message as _;

const SAMPLE_RATE: u32 = 16_000;
/// 50 milliseconds.
const SAMPLES_PER_PAIR: usize = 800;

/// Pairs of the lowest and the highest sample, in 8 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peaks(Vec<[i8; 2]>);

/// Takes a recording's samples as they are decoded.
pub(super) struct PeakMeter {
    channels: usize,
    /// Of the pair that is not full, over all channels.
    samples: usize,
    lowest: i16,
    highest: i16,
    pairs: Vec<[i8; 2]>,
}

impl PeakMeter {
    pub(super) fn new(channels: usize) -> Self {
        Self { channels, samples: 0, lowest: i16::MAX, highest: i16::MIN, pairs: Vec::new() }
    }

    /// Takes samples of all channels, interleaved.
    pub(super) fn push(&mut self, block: &[i16]) {
        let full = SAMPLES_PER_PAIR * self.channels;
        let mut rest = block;
        while !rest.is_empty() {
            let (taken, later) = rest.split_at(rest.len().min(full - self.samples));
            for &sample in taken {
                self.lowest = self.lowest.min(sample);
                self.highest = self.highest.max(sample);
            }
            self.samples += taken.len();
            rest = later;
            if self.samples == full {
                self.end_pair();
            }
        }
    }

    fn end_pair(&mut self) {
        self.pairs.push([upper_byte(self.lowest), upper_byte(self.highest)]);
        (self.samples, self.lowest, self.highest) = (0, i16::MAX, i16::MIN);
    }

    pub(super) fn finish(mut self) -> Peaks {
        if self.samples > 0 {
            self.end_pair();
        }
        Peaks(self.pairs)
    }
}

const fn upper_byte(sample: i16) -> i8 {
    sample.to_be_bytes()[0].cast_signed()
}

impl Peaks {
    /// The bytes to store.
    pub fn to_bytes(&self) -> Vec<u8> {
        let stored = StoredPeaks {
            sample_rate: SAMPLE_RATE,
            samples_per_pair: u32::try_from(SAMPLES_PER_PAIR).unwrap_or_default(),
            pairs: self.0.iter().flatten().map(|peak| peak.cast_unsigned()).collect(),
        };
        stored.encode_to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peaks(channels: usize, blocks: &[&[i16]]) -> Vec<[i8; 2]> {
        let mut meter = PeakMeter::new(channels);
        for block in blocks {
            meter.push(block);
        }
        meter.finish().0
    }

    #[test]
    fn each_pair_has_the_lowest_and_the_highest_sample_of_its_time() {
        let mut first = vec![0; SAMPLES_PER_PAIR];
        (first[3], first[SAMPLES_PER_PAIR - 1]) = (i16::MAX, i16::MIN);
        let second = vec![256; SAMPLES_PER_PAIR / 2];
        assert_eq!(peaks(1, &[&first, &second]), [[-128, 127], [1, 1]]);
        // However the blocks are cut.
        let (one, rest) = first.split_at(7);
        assert_eq!(peaks(1, &[one, rest, &second[..1], &second[1..]]), [[-128, 127], [1, 1]]);
        assert!(peaks(1, &[&[]]).is_empty());
    }

    #[test]
    fn channels_are_heard_as_one() {
        let stereo: Vec<i16> = (0..SAMPLES_PER_PAIR * 2).map(|at| if at % 2 == 0 { 512 } else { -512 }).collect();
        assert_eq!(peaks(2, &[&stereo]), [[-2, 2]]);
    }

    #[test]
    fn silence_is_flat_and_stored_as_bytes() {
        let peaks = Peaks(vec![[0, 0], [-1, 1]]);
        let stored = StoredPeaks::decode(peaks.to_bytes().as_slice()).unwrap();
        assert_eq!((stored.sample_rate, stored.samples_per_pair), (16_000, 800));
        assert_eq!(stored.pairs, [0, 0, 255, 1]);
    }
}
