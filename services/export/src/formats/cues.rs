//! The layout of subtitles, shared by SRT and `WebVTT`: what is on the screen, and when. Pure functions from segments
//! to cues; how a cue is written down is each format's own business.

mod timeline;
mod timing;
mod wrap;

use std::fmt;

use escriba_domain::Segment;

use super::text;

pub(super) use timeline::Timeline;

/// What fits under a picture without covering it.
const MAX_LINES: usize = 2;

/// A text on the screen for a time. Its lines are neither empty nor hold `-->`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cue {
    pub(super) start_ms: u64,
    pub(super) end_ms: u64,
    pub(super) lines: Vec<String>,
}

/// A position as `HH:MM:SS` and milliseconds behind the given separator. Hours take as many digits as they need.
pub(super) struct Clock(pub(super) u64, pub(super) char);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(ms, separator) = *self;
        let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
        write!(f, "{hours:02}:{minutes:02}:{seconds:02}{separator}{:03}", ms % 1000)
    }
}

/// The cues of one segment: lines of at most 42 characters, two lines a cue, as many cues as that takes. A cue's
/// share of the time follows its words, or else its share of the characters. No text, no cue.
pub(super) fn lay_out(segment: &Segment) -> Vec<Cue> {
    let lines: Vec<_> = text::lines(&segment.text).flat_map(|line| wrap::wrap(&without_arrows(line))).collect();
    let speech = timing::Speech::of(segment, &lines);
    let mut spoken = 0;
    let cues = lines.chunks(MAX_LINES).map(|lines| {
        let first = spoken;
        spoken += timing::spoken_chars(lines);
        Cue { start_ms: speech.start_of(first), end_ms: speech.end_of(spoken), lines: lines.to_vec() }
    });
    cues.collect()
}

/// In both formats `-->` within a text makes it a time line, so it becomes the arrow it was meant to be.
fn without_arrows(mut line: String) -> String {
    while line.contains("-->") {
        line = line.replace("-->", "->");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::samples::{segment, word};

    fn cue(start_ms: u64, end_ms: u64, lines: &[&str]) -> Cue {
        Cue { start_ms, end_ms, lines: lines.iter().map(|&line| line.to_owned()).collect() }
    }

    #[test]
    fn a_short_segment_is_one_cue_as_it_stands() {
        assert_eq!(lay_out(&segment(100, 900, " Hello there. ")), [cue(100, 900, &["Hello there."])]);
        assert_eq!(lay_out(&segment(0, 900, "- Hello\n\n- Hi")), [cue(0, 900, &["- Hello", "- Hi"])]);
        assert_eq!(lay_out(&segment(0, 900, " \n ")), []);
    }

    #[test]
    fn a_long_segment_is_split_in_proportion_to_its_characters() {
        let text = "one two three four five six seven eight nine ten ".repeat(3);
        let cues = lay_out(&segment(0, 11_700, &text));
        assert_eq!(
            cues[0].lines,
            ["one two three four five six seven eight", "nine ten one two three four five six seven"]
        );
        assert_eq!(cues[1].lines, ["eight nine ten one two three four five six", "seven eight nine ten"]);
        // 66 of 117 visible characters, at 100 ms each.
        assert_eq!((cues[0].start_ms, cues[0].end_ms, cues[1].start_ms, cues[1].end_ms), (0, 6600, 6600, 11_700));
    }

    #[test]
    fn a_long_segment_is_split_by_its_words_times_when_it_has_them() {
        let names = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliett"];
        let mut long = segment(0, 60_000, &names.map(|name| format!("{name}-{name}")).join(" "));
        long.words = (0u64..)
            .zip(names)
            .map(|(i, name)| word(i * 1000 + 100, i * 1000 + 900, &format!(" {name}-{name}")))
            .collect();
        let cues = lay_out(&long);
        assert_eq!(cues[0].lines, ["alpha-alpha bravo-bravo charlie-charlie", "delta-delta echo-echo foxtrot-foxtrot"]);
        assert_eq!(cues[1].lines, ["golf-golf hotel-hotel india-india", "juliett-juliett"]);
        assert_eq!((cues[0].start_ms, cues[0].end_ms), (0, 5900));
        assert_eq!((cues[1].start_ms, cues[1].end_ms), (6100, 60_000));
    }

    #[test]
    fn chinese_is_split_without_spaces() {
        let cues = lay_out(&segment(0, 12_000, &"今天天气很好我们去".repeat(14)));
        let lengths: Vec<_> = cues.iter().flat_map(|cue| &cue.lines).map(|line| line.chars().count()).collect();
        assert_eq!(lengths, [42, 42, 42]);
        assert_eq!((cues[0].end_ms, cues[1].start_ms, cues[1].end_ms), (8000, 8000, 12_000));
    }

    #[test]
    fn arrows_never_survive() {
        for text in ["-->", "----->", "a -\u{0}-> b", "--\u{feff}>"] {
            let cues = lay_out(&segment(0, 1000, text));
            assert!(cues.iter().flat_map(|cue| &cue.lines).all(|line| !line.contains("-->")), "{text:?}: {cues:?}");
        }
    }

    #[test]
    fn clocks_count_past_99_hours() {
        assert_eq!(Clock(0, ',').to_string(), "00:00:00,000");
        assert_eq!(Clock(3_723_004, '.').to_string(), "01:02:03.004");
        assert_eq!(Clock(1_234 * 3_600_000, ',').to_string(), "1234:00:00,000");
    }
}
