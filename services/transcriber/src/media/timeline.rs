//! Where decoded audio belongs in the recording, and whether the recording is all there: pure arithmetic on positions.
//! It must not know where positions come from.

/// A frame this little ahead of its place is the container's rounding, not a gap. In samples.
const SMALLEST_GAP: u64 = 1_600;

/// A jump further than this is believed only within a stated length: broadcasts restart their clocks. In samples.
const LARGEST_UNSTATED_GAP: u64 = 60 * 16_000;

/// How many samples of silence go before a frame that belongs at `position` when `written` samples precede it, so that
/// what follows a pause or a lost part keeps its place. `stated_end` is the length the header states. All in samples.
pub(super) fn gap_before(position: i64, written: u64, stated_end: Option<u64>) -> u64 {
    let position = u64::try_from(position).unwrap_or(0);
    let gap = position.saturating_sub(written);
    let believable = match stated_end {
        Some(end) => position <= end,
        None => gap <= LARGEST_UNSTATED_GAP,
    };
    if gap >= SMALLEST_GAP && believable { gap } else { 0 }
}

/// Whether `reached` falls short of `stated` by more than half a second and more than a hundredth. In milliseconds.
pub(super) fn falls_short(reached: u64, stated: u64) -> bool {
    let missing = stated.saturating_sub(reached);
    missing > 500 && missing * 100 > stated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_filled_and_a_rounding_or_a_wild_jump_is_not() {
        assert_eq!(gap_before(48_000, 16_000, None), 32_000);
        assert_eq!(gap_before(16_900, 16_000, None), 0);
        assert_eq!(gap_before(1_000, 16_000, None), 0);
        assert_eq!(gap_before(-320, 0, None), 0);
        assert_eq!(gap_before(95_443 * 16_000, 16_000, None), 0);
        assert_eq!(gap_before(120 * 16_000, 16_000, Some(130 * 16_000)), 119 * 16_000);
        assert_eq!(gap_before(120 * 16_000, 16_000, Some(60 * 16_000)), 0);
    }

    #[test]
    fn a_recording_falls_short_by_half_a_second_and_a_hundredth() {
        assert!(falls_short(30_000, 60_000));
        assert!(!falls_short(9_600, 10_000));
        assert!(!falls_short(3_599_000, 3_600_000));
        assert!(!falls_short(61_000, 60_000));
    }
}
