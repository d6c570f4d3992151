//! How fast a worker goes and how long it will still take, from what it reports. Progress comes in leaps, a window of
//! speech at a time, and the first is preceded by fetching, loading and whatever else is done once; so only the time
//! between leaps counts, and recent leaps count more. No clock of its own: the caller says what time it is.

use std::time::{Duration, Instant};

/// What lies so far back counts half.
const HALF_LIFE: Duration = Duration::from_mins(2);

/// The pace of one attempt at one chunk.
#[derive(Debug)]
pub struct Pace {
    processed_ms: u64,
    /// When the present leap began; `None` until that is known.
    since: Option<Instant>,
    /// Leaps that were seen from their beginning.
    seen: Option<Leaps>,
}

/// A sum over leaps, in which old ones fade.
#[derive(Debug, Clone, Copy)]
struct Leaps {
    audio_ms: f64,
    time_ms: f64,
    latest: Duration,
    /// The first leap took whatever the worker does only once, so the second makes it forgotten.
    is_first: bool,
}

impl Pace {
    /// For a worker that resumes at this position. What it does before it says that it begins is not counted.
    pub const fn resuming_at(resume_ms: u64) -> Self {
        Self { processed_ms: resume_ms, since: None, seen: None }
    }

    /// The worker has fetched the recording, and recognition begins.
    pub const fn begin(&mut self, now: Instant) {
        if self.since.is_none() {
            self.since = Some(now);
        }
    }

    /// Everything before `processed_ms` is transcribed.
    pub fn reach(&mut self, processed_ms: u64, now: Instant) {
        if processed_ms <= self.processed_ms {
            return;
        }
        if let Some(since) = self.since {
            let time = now.saturating_duration_since(since);
            self.seen = Some(Leaps::after(self.seen, processed_ms - self.processed_ms, time));
        }
        self.processed_ms = processed_ms;
        self.since = Some(now);
    }

    /// A window ended at `through_ms`, just now unless the worker repeats what it could not report before. It does that
    /// first when it comes back, and its progress comes after that.
    pub fn end_window(&mut self, through_ms: u64, now: Instant) {
        if self.since.is_some() {
            self.reach(through_ms, now);
        }
    }

    /// Milliseconds of recording a millisecond of work; `None` until a leap was seen.
    pub fn speed(&self) -> Option<f64> {
        self.seen.filter(|leaps| leaps.audio_ms > 0.0).map(|leaps| leaps.audio_ms / leaps.time_ms.max(1.0))
    }

    /// How long a recording of this length still takes.
    pub fn time_left_ms(&self, audio_ms: u64, now: Instant) -> Option<u64> {
        let (speed, leaps, since) = (self.speed()?, self.seen?, self.since?);
        let rest_ms = float(audio_ms.saturating_sub(self.processed_ms));
        // Part of the present leap is behind us. One that takes longer than the last says nothing of the rest.
        let waited = now.saturating_duration_since(since).min(leaps.latest);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "negative and huge saturate")]
        let left_ms = (rest_ms / speed - float(millis(waited))) as u64;
        Some(left_ms)
    }
}

impl Leaps {
    fn after(before: Option<Self>, audio_ms: u64, time: Duration) -> Self {
        let kept = before.filter(|leaps| !leaps.is_first);
        let fading = 0.5_f64.powf(time.as_secs_f64() / HALF_LIFE.as_secs_f64());
        Self {
            audio_ms: kept.map_or(0.0, |leaps| leaps.audio_ms * fading) + float(audio_ms),
            time_ms: kept.map_or(0.0, |leaps| leaps.time_ms * fading) + float(millis(time)),
            latest: time,
            is_first: before.is_none(),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a recording are far below 2^52")]
const fn float(millis: u64) -> f64 {
    millis as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A worker that needs `start_up` before its first window and then `a_window_takes` for each.
    struct Run {
        windows: u32,
        start_up: Duration,
        first_takes: Duration,
        a_window_takes: Duration,
    }

    const LOOK_EVERY: Duration = Duration::from_millis(50);
    const WINDOW_MS: u64 = 28_000;

    impl Run {
        fn steady(windows: u32, a_window_takes: Duration) -> Self {
            Self { windows, start_up: Duration::from_secs(2), first_takes: a_window_takes, a_window_takes }
        }

        fn audio_ms(&self) -> u64 {
            u64::from(self.windows) * WINDOW_MS
        }

        fn processed(&self, at: Duration) -> u64 {
            let Some(at) = at.checked_sub(self.start_up + self.first_takes) else { return 0 };
            let windows = 1 + u64::try_from(at.as_nanos() / self.a_window_takes.as_nanos()).unwrap();
            (windows * WINDOW_MS).min(self.audio_ms())
        }

        fn whole_time(&self) -> Duration {
            self.start_up + self.first_takes + self.a_window_takes * (self.windows - 1)
        }

        /// How far the estimates are off, in shares of the truth: the worst from this share of the way on. Within two
        /// seconds nobody minds.
        fn worst_error_from(&self, share: f64) -> f64 {
            let (start, whole) = (Instant::now(), self.whole_time());
            let mut pace = Pace::resuming_at(0);
            let mut worst: f64 = 0.0;
            let mut at = Duration::ZERO;
            while at < whole {
                if at >= self.start_up {
                    pace.begin(start + self.start_up);
                }
                pace.end_window(self.processed(at), start + at);
                if at.as_secs_f64() >= whole.as_secs_f64() * share && self.processed(at) > 0 {
                    let left = pace.time_left_ms(self.audio_ms(), start + at).expect("a window is done");
                    let truth = whole.as_secs_f64() - at.as_secs_f64();
                    let off = (Duration::from_millis(left).as_secs_f64() - truth).abs();
                    if off > 2.0 {
                        worst = worst.max(off / truth);
                    }
                }
                at += LOOK_EVERY;
            }
            worst
        }
    }

    #[test]
    fn steady_speech_is_told_within_a_quarter_from_a_tenth_of_the_way_on() {
        for windows in [2, 10, 40, 130, 1_300] {
            for takes in [300, 1_500, 4_000, 15_000] {
                let run = Run::steady(windows, Duration::from_millis(takes));
                let worst = run.worst_error_from(0.1);
                assert!(worst < 0.25, "{windows} windows of {takes} ms: off by {worst:.2}");
            }
        }
    }

    #[test]
    fn a_long_start_and_a_slow_first_window_do_not_spoil_the_rest() {
        let takes = Duration::from_secs(3);
        let slow =
            Run { start_up: Duration::from_mins(2), first_takes: Duration::from_mins(1), ..Run::steady(130, takes) };
        // The second window ends after 183 s of 567 s.
        let worst = slow.worst_error_from(0.324);
        assert!(worst < 0.25, "off by {worst:.2}");
    }

    #[test]
    fn a_machine_that_gets_slower_is_noticed() {
        let start = Instant::now();
        let mut pace = Pace::resuming_at(0);
        pace.begin(start);
        let (mut at, mut processed_ms) = (start, 0);
        for seconds in [[2; 100], [8; 100]].concat() {
            at += Duration::from_secs(seconds);
            processed_ms += 20_000;
            pace.reach(processed_ms, at);
        }
        let speed = pace.speed().unwrap();
        assert!((2.4..2.7).contains(&speed), "{speed}");
    }

    #[test]
    fn nothing_is_told_before_there_is_enough_to_go_by() {
        let start = Instant::now();
        let later = |seconds| start + Duration::from_secs(seconds);
        let mut pace = Pace::resuming_at(60_000);
        assert_eq!((pace.speed(), pace.time_left_ms(600_000, start)), (None, None));
        // A worker that came back says no second time that it begins: its present window may be nearly done.
        pace.end_window(70_000, later(1));
        pace.end_window(80_000, later(1));
        pace.reach(90_000, later(1));
        assert_eq!((pace.speed(), pace.time_left_ms(600_000, later(1))), (None, None));
        pace.reach(120_000, later(11));
        assert_eq!(pace.time_left_ms(600_000, later(11)), Some(160_000));
        assert_eq!(pace.time_left_ms(600_000, later(16)), Some(155_000));
        assert_eq!(pace.time_left_ms(600_000, later(500)), Some(150_000), "a leap that never ends");
        assert_eq!(pace.time_left_ms(100_000, later(16)), Some(0), "a recording longer than its header says");
    }

    #[test]
    fn what_was_reached_before_changes_nothing() {
        let start = Instant::now();
        let mut pace = Pace::resuming_at(5_000);
        pace.begin(start);
        pace.reach(5_000, start + Duration::from_secs(1));
        pace.reach(0, start + Duration::from_secs(2));
        assert_eq!(pace.speed(), None);
        pace.reach(25_000, start + Duration::from_secs(4));
        assert_eq!(pace.speed(), Some(5.0));
    }
}
