//! Two channels as one. Some recorders and cables turn one channel upside down; the plain mean would then cancel out
//! what is said, so such a channel is turned back. It decides by the samples alone, a tenth of a second at a time.

/// Samples of each channel that are judged together, at 16 kHz.
const BLOCK: usize = 1_600;

/// Below this correlation the channels are mirrors of each other.
const MIRRORED: f32 = -0.6;

/// Above this one they are not. Between the two, what was found last holds.
const UPRIGHT: f32 = 0.0;

/// Mean power of a block that is too quiet to judge: -70 dBFS.
const QUIET: f32 = 1e-7;

/// Samples over which the right channel is turned.
const TURN: usize = 160;

/// Left and right, half each.
#[derive(Default)]
pub(super) struct PairMixer {
    /// Interleaved samples of a block that is not full yet.
    held: Vec<f32>,
    mirrored: bool,
}

impl PairMixer {
    /// Mixes interleaved samples; what does not fill a block is kept for the next call.
    pub(super) fn mix(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.held.extend_from_slice(samples);
        let held = std::mem::take(&mut self.held);
        let blocks = held.chunks_exact(2 * BLOCK);
        let rest = blocks.remainder().to_vec();
        for block in blocks {
            self.mix_block(block, out);
        }
        self.held = rest;
    }

    /// Mixes what was kept.
    pub(super) fn finish(&mut self, out: &mut Vec<f32>) {
        let held = std::mem::take(&mut self.held);
        self.mix_block(&held, out);
    }

    /// Samples of each channel that are kept.
    pub(super) fn held(&self) -> usize {
        self.held.len() / 2
    }

    fn mix_block(&mut self, block: &[f32], out: &mut Vec<f32>) {
        let pairs = block.as_chunks().0;
        let was = if self.mirrored { -1.0 } else { 1.0 };
        self.judge(pairs);
        let is = if self.mirrored { -1.0 } else { 1.0 };
        let sign = |index: usize| {
            #[allow(clippy::cast_precision_loss, reason = "a turn is short")]
            let share = index.min(TURN) as f32 / TURN as f32;
            was + (is - was) * share
        };
        out.extend(pairs.iter().enumerate().map(|(index, [left, right])| 0.5 * (left + sign(index) * right)));
    }

    fn judge(&mut self, pairs: &[[f32; 2]]) {
        let [mut left, mut right, mut both] = [0.0_f32; 3];
        for [l, r] in pairs {
            left += l * l;
            right += r * r;
            both += l * r;
        }
        #[allow(clippy::cast_precision_loss, reason = "a block is short")]
        let quiet = QUIET * pairs.len() as f32;
        if left < quiet || right < quiet {
            return;
        }
        let correlation = both / (left * right).sqrt();
        if correlation < MIRRORED {
            self.mirrored = true;
        } else if correlation > UPRIGHT {
            self.mirrored = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(index: usize) -> f32 {
        #[allow(clippy::cast_precision_loss, reason = "a test is short")]
        let phase = index as f32 * 0.1;
        phase.sin() * 0.5
    }

    fn mixed(samples: &[f32], at_once: usize) -> Vec<f32> {
        let (mut mixer, mut out) = (PairMixer::default(), Vec::new());
        for part in samples.chunks(at_once) {
            mixer.mix(part, &mut out);
        }
        mixer.finish(&mut out);
        out
    }

    #[test]
    fn equal_channels_pass_unchanged_and_mirrored_ones_do_not_cancel_out() {
        let equal: Vec<_> = (0..5_000).flat_map(|index| [tone(index), tone(index)]).collect();
        assert_eq!(mixed(&equal, 700), (0..5_000).map(tone).collect::<Vec<_>>());

        let mirrored: Vec<_> = (0..5_000).flat_map(|index| [tone(index), -tone(index)]).collect();
        let out = mixed(&mirrored, 10_000);
        assert_eq!(out.len(), 5_000);
        assert!(out.iter().enumerate().skip(TURN).all(|(index, sample)| (sample - tone(index)).abs() < 1e-6));
        assert_eq!(out, mixed(&mirrored, 34), "the same however it comes in");
    }

    #[test]
    fn different_channels_are_added() {
        let one_sided: Vec<_> = (0..5_000).flat_map(|index| [tone(index), 0.0]).collect();
        assert_eq!(mixed(&one_sided, 10_000), (0..5_000).map(|index| tone(index) * 0.5).collect::<Vec<_>>());
    }
}
