//! Puts cues in an order that players accept, with one cue of look-ahead: starts only grow, no two cues are shown at
//! once, and each is shown for at least a millisecond.

use super::Cue;

/// Holds the latest cue back until the next one says how long it may stay.
#[derive(Default)]
pub(in crate::formats) struct Timeline {
    waiting: Option<Cue>,
}

impl Timeline {
    /// Takes a cue, and gives the one before it, which is final now.
    pub(in crate::formats) fn push(&mut self, mut next: Cue) -> Option<Cue> {
        let ready = self.waiting.take().map(|mut cue| {
            let soonest_end = cue.start_ms.saturating_add(1);
            next.start_ms = next.start_ms.max(soonest_end);
            cue.end_ms = cue.end_ms.clamp(soonest_end, next.start_ms);
            cue
        });
        self.waiting = Some(next);
        ready
    }

    /// The last cue, if there was any.
    pub(in crate::formats) fn finish(&mut self) -> Option<Cue> {
        let mut cue = self.waiting.take()?;
        cue.end_ms = cue.end_ms.max(cue.start_ms.saturating_add(1));
        Some(cue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrange(times: &[(u64, u64)]) -> Vec<(u64, u64)> {
        let mut timeline = Timeline::default();
        let cue = |&(start_ms, end_ms): &(u64, u64)| Cue { start_ms, end_ms, lines: vec!["x".to_owned()] };
        let mut cues: Vec<_> = times.iter().filter_map(|time| timeline.push(cue(time))).collect();
        cues.extend(timeline.finish());
        cues.iter().map(|cue| (cue.start_ms, cue.end_ms)).collect()
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
    fn any_times_at_all_come_out_in_order() {
        let mut seed = 7u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            seed >> 56
        };
        let times: Vec<_> = (0..1000).map(|_| (random(), random())).collect();
        let arranged = arrange(&times);
        assert_eq!(arranged.len(), times.len());
        assert!(arranged.iter().all(|(start, end)| start < end));
        assert!(arranged.windows(2).all(|pair| pair[0].1 <= pair[1].0));
    }

    #[test]
    fn nothing_in_nothing_out() {
        assert_eq!(arrange(&[]), []);
    }
}
