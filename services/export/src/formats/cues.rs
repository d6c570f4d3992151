//! The layout of subtitles, shared by SRT and `WebVTT`: what is on the screen, and when. Pure functions from segments
//! to cues; how a cue is written down is each format's own business.

mod split;
mod timeline;
mod timing;
mod wrap;

use std::fmt;

use escriba_domain::Segment;

use super::{Render, text};
use timeline::Timeline;

/// What fits under a picture without covering it.
const MAX_LINES: usize = 2;
/// What a label may take of a line. A longer name makes its line longer.
const MOST_ROOM: usize = 20;

/// A text on the screen for a time. Its lines are neither empty nor hold `-->`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cue {
    pub(super) start_ms: u64,
    pub(super) end_ms: u64,
    /// `None` when the channels were mixed.
    pub(super) channel: Option<u16>,
    /// Who speaks, as far as is known.
    pub(super) voice: Option<String>,
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

/// How a format writes cues down.
pub(super) trait WriteCue: Send {
    /// What comes before the first cue.
    fn begin(&mut self, out: &mut String);
    fn cue(&mut self, cue: &Cue, out: &mut String);
}

/// Renders a transcript as cues.
pub(crate) struct Subtitles<W> {
    timeline: Timeline,
    writer: W,
}

impl<W> Subtitles<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { timeline: Timeline::default(), writer }
    }
}

impl<W: WriteCue> Render for Subtitles<W> {
    fn begin(&mut self, out: &mut String) {
        self.writer.begin(out);
    }

    fn segment(&mut self, segment: &Segment, out: &mut String) {
        for cue in self.timeline.take(segment.start_ms, lay_out(segment)) {
            self.writer.cue(&cue, out);
        }
    }

    fn end(&mut self, out: &mut String) {
        for cue in self.timeline.finish() {
            self.writer.cue(&cue, out);
        }
    }
}

/// The cues of one segment: lines of at most 42 characters, two lines a cue, as many cues as that takes and each about
/// as long as the others. Where voices are told apart, the first line of each has room for its label. A
/// cue's share of the time follows its words, or else its share of the characters. No text, no cue.
fn lay_out(segment: &Segment) -> Vec<Cue> {
    let voice = text::voice(segment).map(without_arrows);
    let label = voice.as_deref().map_or(0, |voice| text::label(voice).chars().count().min(MOST_ROOM));
    let lines: Vec<_> = text::lines(&segment.text).map(without_arrows).collect();
    let atoms: Vec<_> = lines.iter().flat_map(|line| wrap::atoms(line)).collect();
    let speech = timing::Speech::of(segment, &lines);
    let mut spoken = 0;
    let cues = split::split(&atoms, label).into_iter().map(|lines| {
        let first = spoken;
        spoken += timing::spoken_chars(&lines);
        let (start_ms, end_ms) = (speech.start_of(first), speech.end_of(spoken));
        Cue { start_ms, end_ms, channel: segment.channel, voice: voice.clone(), lines }
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
        Cue { start_ms, end_ms, channel: None, voice: None, lines: lines.iter().map(|&line| line.to_owned()).collect() }
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
        assert_eq!(cues[0].lines, ["one two three four five six seven eight", "nine ten one two three four five"]);
        assert_eq!(cues[1].lines, ["six seven eight nine ten one two three", "four five six seven eight nine ten"]);
        // 58 of 117 visible characters, at 100 ms each.
        assert_eq!((cues[0].start_ms, cues[0].end_ms, cues[1].start_ms, cues[1].end_ms), (0, 5800, 5800, 11_700));
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
        assert_eq!(cues[0].lines, ["alpha-alpha bravo-bravo charlie-charlie", "delta-delta echo-echo"]);
        assert_eq!(cues[1].lines, ["foxtrot-foxtrot golf-golf hotel-hotel", "india-india juliett-juliett"]);
        assert_eq!((cues[0].start_ms, cues[0].end_ms), (0, 4900));
        assert_eq!((cues[1].start_ms, cues[1].end_ms), (5100, 60_000));
    }

    #[test]
    fn chinese_is_split_without_spaces() {
        let cues = lay_out(&segment(0, 12_000, &"今天天气很好我们去".repeat(14)));
        let lengths: Vec<_> = cues.iter().flat_map(|cue| &cue.lines).map(|line| line.chars().count()).collect();
        assert_eq!(lengths, [42, 20, 42, 22]);
        assert_eq!((cues[0].end_ms, cues[1].start_ms, cues[1].end_ms), (5904, 5904, 12_000));
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
