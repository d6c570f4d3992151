//! Chance that a seed repeats: what is sent, what is broken, and when. Nothing else here is random.

use std::time::Duration;

use escriba_e2e::corpus;

/// The golden ratio, which takes neighbouring seeds far apart.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Debug)]
pub(crate) struct Dice(corpus::Dice);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = corpus::Dice::new(seed.wrapping_add(1).wrapping_mul(SPREAD));
        dice.roll();
        Self(dice)
    }

    /// Another chance that does not change what this one goes on with.
    pub(crate) fn fork(&mut self) -> Self {
        Self::new(self.0.roll())
    }

    /// A number from 0 up to and without `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.below(end)
    }

    /// True in so many of a hundred cases.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn millis(&mut self, from: usize, to: usize) -> Duration {
        Duration::from_millis((from + self.below(to - from)) as u64)
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
