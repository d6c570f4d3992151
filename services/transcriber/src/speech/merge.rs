//! Puts the texts of windows in the order of the recording. Windows are done in the order in which they were found, and
//! those of separate channels overlap: a segment is given out once nothing earlier can come any more.
//!
//! A job resumes at the place up to which everything was given out, and hears the windows across that place again; what
//! such a window gave out before is left out the second time.

use escriba_domain::Language;

use super::{
    recognizer::{Recognized, RecognizedSegment},
    windower::Window,
};

/// A segment on its way out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub(super) segment: RecognizedSegment,
    pub(super) channel: Option<u16>,
    pub(super) language: Language,
    /// Where the window it is from ends.
    window_end_ms: u64,
}

pub(super) struct Merge {
    resume_ms: u64,
    until_ms: u64,
    /// No window that is still to be found starts before this.
    searched_ms: u64,
    /// Where the windows that are being recognised start.
    expected: Vec<u64>,
    held: Vec<Placed>,
    /// A window was done that nobody has been told of.
    has_news: bool,
}

impl Merge {
    /// What starts before `resume_ms` was given out by an earlier attempt or another part, and what starts at `until_ms`
    /// or later is for the next part.
    pub(super) fn new(resume_ms: u64, until_ms: u64) -> Self {
        Self { resume_ms, until_ms, searched_ms: 0, expected: Vec::new(), held: Vec::new(), has_news: false }
    }

    /// A window is going to be recognised; no later one starts before `searched_ms`.
    pub(super) fn expect(&mut self, window: &Window, searched_ms: u64) {
        self.expected.push(window.start_ms);
        self.searched(searched_ms);
    }

    pub(super) fn searched(&mut self, searched_ms: u64) {
        self.searched_ms = self.searched_ms.max(searched_ms);
    }

    /// An expected window is done.
    pub(super) fn take(&mut self, window: &Window, channel: Option<u16>, text: Recognized) {
        if let Some(at) = self.expected.iter().position(|&start_ms| start_ms == window.start_ms) {
            self.expected.swap_remove(at);
        }
        self.has_news = true;
        let (language, window_end_ms) = (text.language.language, window.end_ms);
        let ours = self.resume_ms..self.until_ms;
        let new = text.segments.into_iter().filter(|segment| ours.contains(&segment.start_ms));
        self.held.extend(new.map(|segment| Placed { segment, channel, language, window_end_ms }));
    }

    /// Everything before this is done.
    pub(super) fn settled_ms(&self) -> u64 {
        self.expected.iter().copied().fold(self.searched_ms, u64::min)
    }

    /// The segments that are final by now, in order; `None` if no window was done since the last time.
    pub(super) fn ready(&mut self) -> Option<Vec<Placed>> {
        if !std::mem::take(&mut self.has_news) {
            return None;
        }
        let settled_ms = self.settled_ms();
        let is_final = |placed: &Placed| placed.segment.start_ms < settled_ms || placed.window_end_ms <= settled_ms;
        let (mut ready, held): (Vec<_>, Vec<_>) = self.held.drain(..).partition(is_final);
        self.held = held;
        ready.sort_by_key(|placed| (placed.segment.start_ms, placed.channel));
        Some(ready)
    }
}

#[cfg(test)]
mod tests {
    use escriba_domain::{Decoding, Statistics};

    use super::*;
    use crate::speech::languages::Detected;

    fn window(start_ms: u64, end_ms: u64) -> Window {
        Window { start_ms, end_ms, samples: Vec::new(), speech: Vec::new() }
    }

    fn text(starts: &[u64]) -> Recognized {
        let segment = |&start_ms: &u64| RecognizedSegment {
            start_ms,
            end_ms: start_ms + 500,
            text: String::new(),
            avg_logprob: 0.0,
            no_speech_prob: 0.0,
            words: Vec::new(),
            decoding: Decoding::default(),
        };
        Recognized {
            segments: starts.iter().map(segment).collect(),
            language: Detected { language: Language::ENGLISH, probability: 1.0 },
            statistics: Statistics::default(),
        }
    }

    fn ready(merge: &mut Merge) -> Vec<u64> {
        merge.ready().unwrap_or_default().iter().map(|placed| placed.segment.start_ms).collect()
    }

    #[test]
    fn a_segment_waits_for_the_other_channel_to_catch_up() {
        let (mut merge, left, right) = (Merge::new(0, u64::MAX), window(0, 9_000), window(4_000, 6_000));
        merge.expect(&left, 0);
        merge.take(&left, Some(1), text(&[0, 5_000]));
        assert!(ready(&mut merge).is_empty(), "the other channel may have spoken first");
        merge.expect(&right, 9_000);
        merge.take(&right, Some(2), text(&[4_000]));
        assert_eq!(ready(&mut merge), [0, 4_000, 5_000]);
        assert_eq!((merge.settled_ms(), merge.ready()), (9_000, None));
    }

    #[test]
    fn what_is_final_before_a_window_in_flight_is_given_out() {
        let (mut merge, first, second) = (Merge::new(0, u64::MAX), window(0, 9_000), window(7_000, 8_000));
        merge.expect(&first, 7_000);
        merge.expect(&second, 12_000);
        merge.take(&first, Some(1), text(&[0, 8_000]));
        assert_eq!((ready(&mut merge), merge.settled_ms()), (vec![0], 7_000));

        // A successor resumes there, and hears the first window again.
        let mut resumed = Merge::new(7_000, u64::MAX);
        resumed.expect(&first, 7_000);
        resumed.expect(&second, 12_000);
        resumed.take(&first, Some(1), text(&[0, 8_000]));
        resumed.take(&second, Some(2), text(&[7_500]));
        assert_eq!(ready(&mut resumed), [7_500, 8_000]);
    }

    #[test]
    fn a_window_across_a_cut_is_heard_by_both_parts_and_each_segment_given_by_one() {
        let across = window(3_000, 9_000);
        let heard_by = |mut part: Merge| {
            part.expect(&across, 9_000);
            part.take(&across, Some(1), text(&[3_000, 4_900, 5_000, 7_000]));
            ready(&mut part)
        };
        assert_eq!(heard_by(Merge::new(0, 5_000)), [3_000, 4_900]);
        assert_eq!(heard_by(Merge::new(5_000, u64::MAX)), [5_000, 7_000]);
    }
}
