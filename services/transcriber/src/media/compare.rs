//! Whether a recording's channels hold different things. Many stereo recordings are one microphone twice, or one
//! microphone and a channel that nothing was plugged into; transcribing each channel would give every word twice, or
//! cost time for silence. Channels count as one where they are the same up to a constant gain (of either sign) and what
//! a lossy codec does to them. It looks at samples, and knows nothing of files.

/// Samples of each channel that are compared at a time: a tenth of a second at 16 kHz.
const BLOCK: usize = 1_600;

/// So many blocks show that two channels differ: one could be a click, or a codec's slip.
const ENOUGH: u32 = 4;

/// Squared correlation below which two channels are different sounds.
const COHERENT: f64 = 0.7;

/// Power by which one channel outweighs the other: 6 dB.
const OUTWEIGHS: f64 = 4.0;

/// What loudness counts, as power. Recordings are judged by their loud blocks, in which noise does not matter; only a
/// recording that has none is judged by its quiet ones.
struct Scale {
    /// Some channel must reach this.
    heard: f64,
    /// A channel below this is silent.
    silent: f64,
}

const SCALES: [Scale; 2] = [
    // -45 and -55 dBFS.
    Scale { heard: 3.2e-5, silent: 3.2e-6 },
    // -75 and -82 dBFS.
    Scale { heard: 3.2e-8, silent: 6.3e-9 },
];

/// What has been seen of a pair of channels, on one scale.
#[derive(Default, Clone)]
struct Seen {
    different: u32,
    first_outweighs: u32,
    second_outweighs: u32,
}

impl Seen {
    fn differ(&self) -> bool {
        self.different >= ENOUGH || (self.first_outweighs >= ENOUGH && self.second_outweighs >= ENOUGH)
    }
}

/// Compares channels block by block.
pub(super) struct Comparison {
    channels: usize,
    /// Interleaved samples of a block that is not full yet.
    part: Vec<f32>,
    /// For each scale, whether any block counted, and what was seen of each pair.
    scales: [(bool, Vec<Seen>); 2],
}

impl Comparison {
    pub(super) fn new(channels: usize) -> Self {
        let pairs = channels * channels.saturating_sub(1) / 2;
        let unseen = || (false, vec![Seen::default(); pairs]);
        Self { channels, part: Vec::new(), scales: [unseen(), unseen()] }
    }

    /// Takes interleaved samples. True once the channels clearly differ: more of them change nothing.
    pub(super) fn push(&mut self, samples: &[f32]) -> bool {
        self.part.extend_from_slice(samples);
        let part = std::mem::take(&mut self.part);
        let blocks = part.chunks_exact(BLOCK * self.channels);
        self.part = blocks.remainder().to_vec();
        for block in blocks {
            self.compare(block);
        }
        self.scales[0].1.iter().any(Seen::differ)
    }

    /// Whether the channels differ, once all samples were pushed.
    pub(super) fn differ(&self) -> bool {
        let judged = self.scales.iter().find(|(any, _)| *any);
        judged.is_some_and(|(_, pairs)| pairs.iter().any(Seen::differ))
    }

    fn compare(&mut self, block: &[f32]) {
        let planes: Vec<Vec<f32>> = (0..self.channels)
            .map(|channel| block.iter().skip(channel).step_by(self.channels).copied().collect())
            .collect();
        let powers: Vec<_> = planes.iter().map(|plane| product(plane, plane)).collect();
        let loudest = powers.iter().copied().fold(0.0, f64::max);
        let counting = SCALES.iter().zip(&mut self.scales).filter(|(scale, _)| loudest >= scale.heard);
        let mut pairs = Vec::new();
        for second in 1..self.channels {
            for first in 0..second {
                pairs.push((powers[first], powers[second], product(&planes[first], &planes[second])));
            }
        }
        for (scale, (any, seen)) in counting {
            *any = true;
            for (seen, &(first, second, both)) in seen.iter_mut().zip(&pairs) {
                if first.max(second) < scale.heard {
                    continue;
                }
                let audible = first.min(second) >= scale.silent;
                if audible && both * both < COHERENT * first * second {
                    seen.different += 1;
                }
                if first > second * OUTWEIGHS {
                    seen.first_outweighs += 1;
                } else if second > first * OUTWEIGHS {
                    seen.second_outweighs += 1;
                }
            }
        }
    }
}

/// The mean of two channels' product; of one with itself, its power.
#[allow(clippy::cast_precision_loss, reason = "a block is short")]
fn product(one: &[f32], other: &[f32]) -> f64 {
    let sum: f32 = one.iter().zip(other).map(|(one, other)| one * other).sum();
    f64::from(sum) / one.len() as f64
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss, reason = "tests count in small numbers")]
mod tests {
    use super::*;

    /// Ten seconds; each channel gives a sample for an index.
    fn differ(channels: &[&dyn Fn(usize) -> f32]) -> bool {
        let mut comparison = Comparison::new(channels.len());
        for index in 0..160_000 {
            let samples: Vec<_> = channels.iter().map(|channel| channel(index)).collect();
            if comparison.push(&samples) {
                return true;
            }
        }
        comparison.differ()
    }

    fn tone(index: usize) -> f32 {
        (index as f32 * 0.05).sin() * 0.2
    }

    fn other_tone(index: usize) -> f32 {
        (index as f32 * 0.083).sin() * 0.2
    }

    fn hiss(index: usize) -> f32 {
        (index.wrapping_mul(2_654_435_761) >> 16 & 0xffff) as f32 / 32_768.0 - 1.0
    }

    #[test]
    fn one_sound_twice_is_one_whatever_its_gain_and_sign() {
        assert!(!differ(&[&tone, &tone]));
        assert!(!differ(&[&tone, &|index| tone(index) * 0.2]));
        assert!(!differ(&[&tone, &|index| -tone(index)]));
        assert!(!differ(&[&tone, &|index| tone(index) + hiss(index) * 0.03]), "a codec's noise");
        assert!(!differ(&[&tone]));
        assert!(!differ(&[&|_| 0.0, &|_| 0.0]));
    }

    #[test]
    fn a_silent_channel_is_nothing_to_separate() {
        assert!(!differ(&[&tone, &|_| 0.0]));
        assert!(!differ(&[&|_| 0.0, &tone]));
        let pausing = |index: usize| if index % 32_000 < 8_000 { 0.0 } else { tone(index) };
        assert!(!differ(&[&pausing, &|index| hiss(index) * 0.001]));
    }

    #[test]
    fn two_speakers_differ_at_once_in_turn_and_quietly() {
        assert!(differ(&[&tone, &other_tone]));
        let first = |index: usize| if index % 32_000 < 16_000 { tone(index) } else { 0.0 };
        let second = |index: usize| if index % 32_000 < 16_000 { 0.0 } else { tone(index) };
        assert!(differ(&[&first, &second]));
        let leaking = |index: usize| first(index) + second(index) * 0.1;
        let leaked = |index: usize| second(index) + first(index) * 0.1;
        assert!(differ(&[&leaking, &leaked]), "each is heard in the other's channel");
        assert!(differ(&[&|index| tone(index) * 0.004, &|index| other_tone(index) * 0.004]));
        assert!(differ(&[&tone, &tone, &|_| 0.0, &other_tone]));
    }
}
