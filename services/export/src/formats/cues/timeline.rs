//! Puts cues in an order that players accept: starts never go backwards, no two cues of one channel are shown at once,
//! and each is shown for at least a millisecond. Cues of different channels may overlap, as people who talk at once do.

use std::collections::{BTreeMap, VecDeque};

use super::Cue;

/// Holds cues back until what comes later cannot change them or go before them.
#[derive(Default)]
pub(in crate::formats) struct Timeline {
    /// In the order of their starts.
    waiting: VecDeque<Waiting>,
    /// Of each channel, where its latest cue that was given away ends.
    ends: BTreeMap<Option<u16>, u64>,
    /// The start of the latest cue that was given away.
    given_ms: u64,
    /// Segments come in order, so nothing that is still to come starts before this.
    reached_ms: u64,
}

struct Waiting {
    cue: Cue,
    /// The next cue of its channel is known.
    is_followed: bool,
}

impl Timeline {
    /// Takes the cues of a segment that starts at `start_ms`, and gives those that are final now.
    pub(in crate::formats) fn take(&mut self, start_ms: u64, cues: Vec<Cue>) -> Vec<Cue> {
        for cue in cues {
            self.insert(cue);
        }
        self.reached_ms = self.reached_ms.max(start_ms);
        let mut ready = Vec::new();
        while self.waiting.front().is_some_and(|first| first.is_final(self.reached_ms)) {
            ready.extend(self.give());
        }
        ready
    }

    /// All cues that were held back.
    pub(in crate::formats) fn finish(&mut self) -> Vec<Cue> {
        std::iter::from_fn(|| self.give()).collect()
    }

    fn insert(&mut self, mut cue: Cue) {
        let before = self.waiting.iter_mut().rev().find(|waiting| waiting.cue.channel == cue.channel);
        if let Some(Waiting { cue: before, is_followed }) = before {
            let soonest_end = before.start_ms.saturating_add(1);
            cue.start_ms = cue.start_ms.max(soonest_end);
            before.end_ms = before.end_ms.clamp(soonest_end, cue.start_ms);
            *is_followed = true;
        } else {
            let free_ms = self.ends.get(&cue.channel).copied().unwrap_or_default();
            cue.start_ms = cue.start_ms.max(free_ms).max(self.given_ms);
        }
        let place = self.waiting.partition_point(|waiting| waiting.cue.start_ms <= cue.start_ms);
        self.waiting.insert(place, Waiting { cue, is_followed: false });
    }

    fn give(&mut self) -> Option<Cue> {
        let mut cue = self.waiting.pop_front()?.cue;
        cue.end_ms = cue.end_ms.max(cue.start_ms.saturating_add(1));
        self.given_ms = cue.start_ms;
        self.ends.insert(cue.channel, cue.end_ms);
        Some(cue)
    }
}

impl Waiting {
    /// Neither does its end give way to a cue that comes later, nor does one go before it.
    fn is_final(&self, reached_ms: u64) -> bool {
        let Cue { start_ms, end_ms, .. } = self.cue;
        start_ms <= reached_ms && (self.is_followed || end_ms.max(start_ms.saturating_add(1)) <= reached_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Timed = (Option<u16>, u64, u64);

    /// Each time is a segment with a single cue.
    fn arrange_channels(times: &[Timed]) -> Vec<Timed> {
        let mut timeline = Timeline::default();
        let mut cues = Vec::new();
        for &(channel, start_ms, end_ms) in times {
            let cue = Cue { start_ms, end_ms, channel, voice: None, lines: vec!["x".to_owned()] };
            cues.extend(timeline.take(start_ms, vec![cue]));
        }
        cues.extend(timeline.finish());
        cues.iter().map(|cue| (cue.channel, cue.start_ms, cue.end_ms)).collect()
    }

    fn arrange(times: &[(u64, u64)]) -> Vec<(u64, u64)> {
        let times: Vec<_> = times.iter().map(|&(start, end)| (None, start, end)).collect();
        arrange_channels(&times).into_iter().map(|(_, start, end)| (start, end)).collect()
    }

    #[test]
    fn cues_in_order_stay_as_they_are() {
        assert_eq!(arrange(&[(0, 10), (10, 20), (25, 30)]), [(0, 10), (10, 20), (25, 30)]);
    }

    #[test]
    fn an_end_is_cut_at_the_next_start() {
        assert_eq!(arrange(&[(0, 50), (10, 20)]), [(0, 10), (10, 20)]);
    }

    #[test]
    fn a_cue_without_length_gets_a_millisecond() {
        assert_eq!(arrange(&[(5, 5), (9, 3)]), [(5, 6), (9, 10)]);
    }

    #[test]
    fn starts_never_go_backwards_nor_stand_still() {
        assert_eq!(arrange(&[(100, 200), (100, 300), (50, 60)]), [(100, 101), (101, 102), (102, 103)]);
    }

    #[test]
    fn channels_overlap_and_leave_each_other_as_they_are() {
        let talk = [
            (Some(1), 0, 10_000),
            (Some(2), 2_000, 3_000),
            (Some(2), 3_000, 12_000),
            (Some(1), 11_000, 15_000),
            (Some(2), 11_000, 11_500),
        ];
        let mut expected = talk;
        expected[2].2 = 11_000;
        assert_eq!(arrange_channels(&talk), expected, "only its own channel cuts a cue");
    }

    #[test]
    fn the_cues_of_a_long_segment_go_between_those_of_the_other_channel() {
        let cue =
            |channel, start_ms, end_ms| Cue { start_ms, end_ms, channel: Some(channel), voice: None, lines: vec![] };
        let mut timeline = Timeline::default();
        let mut cues = timeline.take(0, vec![cue(1, 0, 6_000), cue(1, 6_000, 12_000)]);
        cues.extend(timeline.take(3_000, vec![cue(2, 3_000, 8_000), cue(2, 8_000, 9_000)]));
        assert_eq!(cues, [cue(1, 0, 6_000), cue(2, 3_000, 8_000)]);
        cues.extend(timeline.finish());
        assert_eq!(cues[2..], [cue(1, 6_000, 12_000), cue(2, 8_000, 9_000)]);
    }

    #[test]
    fn a_channel_that_falls_silent_holds_nothing_up() {
        let cue = |channel, start_ms| Cue {
            start_ms,
            end_ms: start_ms + 1_000,
            channel: Some(channel),
            voice: None,
            lines: vec![],
        };
        let mut timeline = Timeline::default();
        timeline.take(0, vec![cue(1, 0)]);
        for second in 1..100 {
            let given = timeline.take(second * 1_000, vec![cue(2, second * 1_000)]);
            assert_eq!(given.len(), 1, "at {second} s");
        }
    }

    #[test]
    fn any_times_at_all_come_out_in_order() {
        let mut seed = 7u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            seed >> 56
        };
        let times: Vec<_> = (0..1000).map(|nth| (Some(nth % 3), random(), random())).collect();
        let arranged = arrange_channels(&times);
        assert_eq!(arranged.len(), times.len());
        assert!(arranged.iter().all(|(_, start, end)| start < end));
        assert!(arranged.is_sorted_by_key(|(_, start, _)| *start));
        for channel in 0..3 {
            let alone: Vec<_> = arranged.iter().filter(|cue| cue.0 == Some(channel)).collect();
            assert!(alone.windows(2).all(|pair| pair[0].2 <= pair[1].1));
        }
    }

    #[test]
    fn nothing_in_nothing_out() {
        assert_eq!(arrange(&[]), []);
    }
}
