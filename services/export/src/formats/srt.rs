//! `SubRip`. It has no specification and no escaping; these are the rules its readers agree on: a counter from 1, a
//! comma before the milliseconds, a blank line only between cues. Where speakers or
//! channels are told apart, each turn begins with its own.

use std::fmt::Write as _;

use super::{
    cues::{Clock, Cue, Subtitles, WriteCue},
    text::Turns,
};

pub(crate) struct Srt {
    newline: &'static str,
    written: u64,
    turns: Turns,
}

impl Srt {
    pub(crate) fn renderer(newline: &'static str) -> Subtitles<Self> {
        Subtitles::new(Self { newline, written: 0, turns: Turns::default() })
    }
}

impl WriteCue for Srt {
    fn begin(&mut self, _out: &mut String) {}

    fn cue(&mut self, cue: &Cue, out: &mut String) {
        let newline = self.newline;
        if self.written > 0 {
            out.push_str(newline);
        }
        self.written += 1;
        let (start, end) = (Clock(cue.start_ms, ','), Clock(cue.end_ms, ','));
        let _ = write!(out, "{}{newline}{start} --> {end}{newline}", self.written);
        out.push_str(&self.turns.label(cue.voice.as_deref()));
        for line in &cue.lines {
            out.push_str(line);
            out.push_str(newline);
        }
    }
}

#[cfg(test)]
mod tests {
    use escriba_domain::Segment;

    use super::*;
    use crate::formats::samples::{segment, whole};

    fn srt(segments: &[Segment]) -> String {
        whole(Srt::renderer("\n"), segments)
    }

    #[test]
    fn two_cues() {
        let expected = "\
1
00:00:00,000 --> 00:00:01,500
Good morning.

2
00:01:01,005 --> 00:01:02,000
How are you?
";
        assert_eq!(srt(&[segment(0, 1500, " Good morning."), segment(61_005, 62_000, " How are you?")]), expected);
    }

    #[test]
    fn lines_end_as_asked() {
        let expected = "1\r\n00:00:00,000 --> 00:00:01,000\r\nOne\r\n\r\n2\r\n00:00:01,000 --> 00:00:02,000\r\nTwo\r\n";
        assert_eq!(whole(Srt::renderer("\r\n"), &[segment(0, 1000, "One"), segment(1000, 2000, "Two")]), expected);
    }

    #[test]
    fn hours_may_pass_99() {
        let hours = 3_600_000;
        assert_eq!(srt(&[segment(100 * hours, 123 * hours + 1, "Late")]), "1\n100:00:00,000 --> 123:00:00,001\nLate\n");
    }

    #[test]
    fn an_arrow_in_the_text_is_no_time_line_and_blank_lines_are_gone() {
        assert_eq!(
            srt(&[segment(0, 1000, "a --> b\n\n \nc ----> d")]),
            "1\n00:00:00,000 --> 00:00:01,000\na -> b\nc -> d\n"
        );
    }

    #[test]
    fn segments_without_text_take_no_number() {
        let segments = [segment(0, 10, " "), segment(10, 20, "A"), segment(20, 30, ""), segment(30, 40, "B")];
        assert_eq!(srt(&segments), "1\n00:00:00,010 --> 00:00:00,020\nA\n\n2\n00:00:00,030 --> 00:00:00,040\nB\n");
        assert_eq!(srt(&[]), "");
    }

    #[test]
    fn an_end_gives_way_to_the_next_start() {
        assert_eq!(
            srt(&[segment(0, 5000, "A"), segment(3000, 4000, "B")]),
            "1\n00:00:00,000 --> 00:00:03,000\nA\n\n2\n00:00:03,000 --> 00:00:04,000\nB\n"
        );
    }

    #[test]
    fn a_turn_begins_with_its_channel_and_people_may_talk_at_once() {
        let of = |channel, start_ms, end_ms, text: &str| Segment {
            channel: Some(channel),
            ..segment(start_ms, end_ms, text)
        };
        let expected = "\
1
00:00:00,000 --> 00:00:04,000
Channel 1: So, as I said,

2
00:00:02,000 --> 00:00:03,000
Channel 2: Yes.

3
00:00:03,000 --> 00:00:05,000
Go on.
";
        let talk = [of(1, 0, 4000, "So, as I said,"), of(2, 2000, 3000, "Yes."), of(2, 3000, 5000, "Go on.")];
        assert_eq!(srt(&talk), expected);
    }

    #[test]
    fn a_line_with_its_channel_is_no_longer_than_others() {
        let long = Segment { channel: Some(12), ..segment(0, 9000, &"word after word ".repeat(9)) };
        let lines = srt(&[long]);
        assert!(lines.lines().all(|line| line.chars().count() <= 42), "{lines}");
        assert!(lines.contains("Channel 12: word"), "{lines}");
    }
}
