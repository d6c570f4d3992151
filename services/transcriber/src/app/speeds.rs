//! How fast this worker is, measured as it works: what the queue's times are estimated from.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use escriba_domain::ModelName;

/// Work so far back counts half.
const HALF_LIFE: Duration = Duration::from_mins(5);

/// Of each model, for one slot.
#[derive(Debug, Default)]
pub(crate) struct Speeds(Mutex<HashMap<ModelName, Sum>>);

/// Work done, in which the old fades.
#[derive(Debug, Default, Clone, Copy)]
struct Sum {
    audio_ms: f64,
    work_ms: f64,
}

impl Speeds {
    /// So much of a recording took a slot so long.
    pub(super) fn note(&self, model: &ModelName, audio_ms: u64, took: Duration) {
        let work_ms = took.as_secs_f64() * 1000.0;
        let fading = 0.5_f64.powf(took.as_secs_f64() / HALF_LIFE.as_secs_f64());
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = sums.entry(model.clone()).or_default();
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a recording are far below 2^52")]
        let audio_ms = audio_ms as f64;
        *sum = Sum { audio_ms: sum.audio_ms * fading + audio_ms, work_ms: sum.work_ms * fading + work_ms };
    }

    /// Milliseconds of recording a millisecond of work, by model.
    pub(crate) fn measured(&self) -> HashMap<String, f64> {
        let sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = sums.iter().filter(|(_, sum)| sum.work_ms > 0.0);
        known.map(|(model, sum)| (model.to_string(), sum.audio_ms / sum.work_ms)).collect()
    }
}

/// Where an attempt was when it was last looked at.
#[derive(Debug)]
pub(super) struct Lap {
    at: Instant,
    reached_ms: u64,
}

impl Lap {
    pub(super) fn begin(reached_ms: u64) -> Self {
        Self { at: Instant::now(), reached_ms }
    }

    /// What was done since the last time.
    pub(super) fn reach(&mut self, reached_ms: u64) -> (u64, Duration) {
        let now = Instant::now();
        let lap = (reached_ms.saturating_sub(self.reached_ms), now - self.at);
        *self = Self { at: now, reached_ms: self.reached_ms.max(reached_ms) };
        lap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_follows_what_is_measured_and_forgets_slowly() {
        let (speeds, model): (Speeds, ModelName) = (Speeds::default(), "base".parse().unwrap());
        assert!(speeds.measured().is_empty());
        speeds.note(&model, 10_000, Duration::from_secs(1));
        assert!((speeds.measured()["base"] - 10.0).abs() < 1e-9);
        for _ in 0..600 {
            speeds.note(&model, 5_000, Duration::from_secs(1));
        }
        assert!((speeds.measured()["base"] - 5.0).abs() < 0.1);
    }

    #[test]
    fn a_lap_counts_what_is_new() {
        let mut lap = Lap::begin(3_000);
        assert_eq!(lap.reach(5_000).0, 2_000);
        assert_eq!(lap.reach(5_000).0, 0);
        assert_eq!(lap.reach(6_500).0, 1_500);
    }
}
