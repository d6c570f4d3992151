//! Brings speech that was recorded far too quietly to a level that 16 bits and the search for speech can work with. It
//! goes by how loud the *speech* is: noise between sentences neither counts nor calls for gain, and a recording of usual
//! loudness passes bit for bit. The gain follows from the samples alone, whatever parts they come in.

use std::collections::VecDeque;

/// Samples of a channel that are weighed together: a tenth of a second at 16 kHz.
const BLOCK: usize = 1_600;

/// Blocks that are kept back at first, to learn how loud speech is before any of it is given out: ten seconds.
const UNDECIDED_BLOCKS: usize = 100;

/// Blocks of speech that settle its level.
const SETTLING_BLOCKS: u32 = 5;

/// Levels are in dBFS, of a block's root mean square. From here up speech is left alone,
const LOUD_ENOUGH: f32 = -40.0;

/// it is brought to this one,
const AIM: f32 = -30.0;

/// and by at most so many decibels.
const MOST_GAIN: f32 = 40.0;

/// Decibels of gain for each one that speech is below [`LOUD_ENOUGH`], until [`AIM`] is reached: no sudden step.
const SLOPE: f32 = 3.0;

/// Speech stands out of the quietest of the last five seconds by so much.
const ABOVE_FLOOR: f32 = 9.0;
const FLOOR_BLOCKS: usize = 50;

/// Less than this is rounding noise.
const FAINTEST: f32 = -88.0;

/// The share of a block of speech in the level: louder speech counts soon, quieter speech slowly.
const LOUDER: f32 = 0.1;
const QUIETER: f32 = 1.0 / 600.0;

/// Decibels by which the gain may rise from one block to the next.
const RISE: f32 = 1.0;

/// No sample is amplified beyond this.
const CEILING: f32 = 0.89;

/// Turns interleaved samples into 16 bits, each channel with a gain of its own.
pub(super) struct Loudness {
    channels: Vec<Channel>,
    /// Blocks that wait: until the levels are known, and always one, whose successor may need a lower gain.
    waiting: VecDeque<Vec<f32>>,
    /// Interleaved samples of a block that is not full yet.
    part: Vec<f32>,
    decided: bool,
}

impl Loudness {
    pub(super) fn new(channels: usize) -> Self {
        let channels = (0..channels.max(1)).map(|_| Channel::new()).collect();
        Self { channels, waiting: VecDeque::new(), part: Vec::new(), decided: false }
    }

    /// Takes samples, and appends to `out` what is settled of them and earlier ones.
    pub(super) fn push(&mut self, samples: &[f32], out: &mut Vec<i16>) {
        let size = BLOCK * self.channels.len();
        let mut samples = samples;
        while !samples.is_empty() {
            let missing = size - self.part.len();
            let (now, later) = samples.split_at(missing.min(samples.len()));
            self.part.extend_from_slice(now);
            samples = later;
            if self.part.len() == size {
                let block = std::mem::replace(&mut self.part, Vec::with_capacity(size));
                self.take(block, out);
            }
        }
    }

    /// Appends everything that is still kept back.
    pub(super) fn finish(&mut self, out: &mut Vec<i16>) {
        let rest = std::mem::take(&mut self.part);
        if !rest.is_empty() {
            self.take(rest, out);
        }
        self.decide();
        while !self.waiting.is_empty() {
            self.give(out);
        }
    }

    fn take(&mut self, block: Vec<f32>, out: &mut Vec<i16>) {
        let count = self.channels.len();
        for (index, channel) in self.channels.iter_mut().enumerate() {
            channel.weigh(&block, index, count);
        }
        self.waiting.push_back(block);
        if self.waiting.len() >= UNDECIDED_BLOCKS || self.channels.iter().all(Channel::is_settled) {
            self.decide();
        }
        while self.decided && self.waiting.len() > 1 {
            self.give(out);
        }
    }

    /// Starts with the gain that the levels call for.
    fn decide(&mut self) {
        if !std::mem::replace(&mut self.decided, true) {
            for channel in &mut self.channels {
                channel.gain_db = wanted(channel.level);
            }
        }
    }

    fn give(&mut self, out: &mut Vec<i16>) {
        let Some(mut block) = self.waiting.pop_front() else { return };
        let count = self.channels.len();
        let next = self.waiting.front();
        for (index, channel) in self.channels.iter_mut().enumerate() {
            let peaks = [peak(&block, index, count), next.map_or(0.0, |next| peak(next, index, count))];
            channel.amplify(&mut block, index, count, peaks);
        }
        out.extend(block.into_iter().map(to_i16));
    }
}

/// One channel's level of speech and gain.
struct Channel {
    /// Of speech; unknown until some is heard.
    level: Option<f32>,
    speech_blocks: u32,
    /// The levels of the last blocks, speech or not.
    recent: VecDeque<f32>,
    gain_db: f32,
    /// What the last sample was multiplied by.
    factor: f32,
}

impl Channel {
    fn new() -> Self {
        Self { level: None, speech_blocks: 0, recent: VecDeque::new(), gain_db: 0.0, factor: 0.0 }
    }

    fn is_settled(&self) -> bool {
        self.speech_blocks >= SETTLING_BLOCKS
    }

    /// Learns from a block how loud speech is.
    fn weigh(&mut self, block: &[f32], index: usize, count: usize) {
        let level = level(block, index, count);
        if self.recent.len() == FLOOR_BLOCKS {
            self.recent.pop_front();
        }
        self.recent.push_back(level);
        let floor = self.recent.iter().copied().fold(level, f32::min);
        // What is loud enough needs no gain, speech or not.
        let is_speech = level >= LOUD_ENOUGH || (level > FAINTEST && level > floor + ABOVE_FLOOR);
        if !is_speech {
            return;
        }
        self.speech_blocks += 1;
        self.level = Some(match self.level {
            None => level,
            Some(known) if self.speech_blocks <= SETTLING_BLOCKS => known.max(level),
            Some(known) => known + (level - known) * if level > known { LOUDER } else { QUIETER },
        });
    }

    /// Multiplies a block by the gain, which goes from where it was to where it should be. `peaks` are this block's and
    /// the next one's: at the end of this block the gain suits both.
    fn amplify(&mut self, block: &mut [f32], index: usize, count: usize, peaks: [f32; 2]) {
        self.gain_db = wanted(self.level).min(self.gain_db + RISE);
        let bound = |peak: f32| if peak > 0.0 { (CEILING / peak).max(1.0) } else { f32::MAX };
        let to = factor(self.gain_db).min(bound(peaks[0])).min(bound(peaks[1]));
        // Before its first block a channel has no gain to come from.
        let from = if self.factor > 0.0 { self.factor.min(bound(peaks[0])) } else { to };
        // After a loud moment the gain comes back from there.
        self.gain_db = self.gain_db.min(20.0 * to.log10() + 3.0 * RISE);
        self.factor = to;
        #[allow(clippy::float_cmp, reason = "usual loudness is left alone to the bit")]
        if from == 1.0 && to == 1.0 {
            return;
        }
        let samples = block.iter_mut().skip(index).step_by(count);
        #[allow(clippy::cast_precision_loss, reason = "a block is short")]
        for (place, sample) in samples.enumerate() {
            *sample *= from + (to - from) * (place as f32 / BLOCK as f32);
        }
    }
}

/// The gain that speech of this level needs, in decibels.
fn wanted(level: Option<f32>) -> f32 {
    let Some(level) = level else { return 0.0 };
    (SLOPE * (LOUD_ENOUGH - level)).min(AIM - level).clamp(0.0, MOST_GAIN)
}

fn factor(decibels: f32) -> f32 {
    if decibels > 0.0 { 10.0_f32.powf(decibels / 20.0) } else { 1.0 }
}

fn of_channel(block: &[f32], index: usize, count: usize) -> impl Iterator<Item = f32> {
    block.iter().skip(index).step_by(count).copied()
}

fn peak(block: &[f32], index: usize, count: usize) -> f32 {
    of_channel(block, index, count).fold(0.0, |peak, sample| sample.abs().max(peak))
}

fn level(block: &[f32], index: usize, count: usize) -> f32 {
    let power: f32 = of_channel(block, index, count).map(|sample| sample * sample).sum();
    #[allow(clippy::cast_precision_loss, reason = "a block is short")]
    let mean = power / (block.len() / count).max(1) as f32;
    10.0 * mean.max(1e-12).log10()
}

#[allow(clippy::cast_possible_truncation, reason = "the value is in range by then")]
fn to_i16(sample: f32) -> i16 {
    (sample * 32_768.0).round_ties_even().clamp(-32_768.0, 32_767.0) as i16
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss, reason = "tests count in small numbers")]
mod tests {
    use super::*;

    /// Something like speech: a tone in syllables of 200 ms, with a pause of two seconds after every four; `noise` is
    /// the floor's peak.
    fn speech(seconds: usize, peak: f32, noise: f32) -> Vec<f32> {
        let mut state = 1_u32;
        let sample = |index: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let hiss = (state >> 8) as f32 / (1 << 23) as f32 - 1.0;
            let speaks = index % 96_000 < 64_000 && index % 4_800 < 3_200;
            let tone = if speaks { (index as f32 * 0.19).sin() * peak } else { 0.0 };
            tone + hiss * noise
        };
        (0..seconds * 16_000).map(sample).collect()
    }

    fn run(samples: &[f32], channels: usize, at_once: usize) -> Vec<i16> {
        let (mut loudness, mut out) = (Loudness::new(channels), Vec::new());
        for part in samples.chunks(at_once) {
            loudness.push(part, &mut out);
        }
        loudness.finish(&mut out);
        assert_eq!(out.len(), samples.len());
        out
    }

    fn peak_of(samples: &[i16]) -> f32 {
        f32::from(samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap().min(32_767).cast_signed())
            / 32_768.0
    }

    #[test]
    fn usual_loudness_passes_to_the_bit() {
        for peak in [0.9, 0.2, 0.03] {
            let samples = speech(20, peak, 0.000_5);
            let same: Vec<_> = samples.iter().copied().map(to_i16).collect();
            assert_eq!(run(&samples, 1, 1_000), same, "{peak}");
        }
    }

    #[test]
    fn faint_speech_becomes_usable_and_its_pauses_stay_quiet() {
        let samples = speech(20, 0.001, 0.000_02);
        let out = run(&samples, 1, 5_000);
        let peak = peak_of(&out);
        assert!((0.03..0.2).contains(&peak), "{peak}");
        // In the pause, noise rises as speech does, and no further.
        let pause = &out[70_000..90_000];
        assert!(peak_of(pause) < peak / 20.0, "{}", peak_of(pause));
        assert_eq!(out, run(&samples, 1, 777), "the same however it comes in");
        // The gain is there from the first syllable.
        assert!(peak_of(&out[..3_200]) > peak / 2.0);
    }

    #[test]
    fn noise_alone_is_left_alone() {
        let noise = speech(30, 0.0, 0.001);
        let same: Vec<_> = noise.iter().copied().map(to_i16).collect();
        assert_eq!(run(&noise, 1, 16_000), same);
        assert!(run(&vec![0.0; 50_000], 1, 9_999).iter().all(|&sample| sample == 0));
    }

    #[test]
    fn a_bang_in_faint_speech_does_not_clip_and_is_over_soon() {
        let mut samples = speech(30, 0.001, 0.000_02);
        samples[12 * 16_000] = 0.9;
        let out = run(&samples, 1, 16_000);
        assert!(peak_of(&out) <= 0.91);
        assert!(peak_of(&out[18 * 16_000..]) > 0.03, "{}", peak_of(&out[18 * 16_000..]));
    }

    #[test]
    fn each_channel_has_its_own_gain() {
        let (loud, faint) = (speech(20, 0.3, 0.0), speech(20, 0.001, 0.0));
        let both: Vec<_> = loud.iter().zip(&faint).flat_map(|(&loud, &faint)| [loud, faint]).collect();
        let out = run(&both, 2, 3_000);
        let of = |channel: usize| out.iter().copied().skip(channel).step_by(2).collect::<Vec<_>>();
        assert_eq!(of(0), loud.iter().copied().map(to_i16).collect::<Vec<_>>());
        assert!(peak_of(&of(1)) > 0.03);
    }
}
