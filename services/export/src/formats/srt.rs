//! `SubRip`. It has no specification and no escaping; these are the rules its readers agree on: a counter from 1, a
//! comma before the milliseconds, a blank line only between cues.

use std::fmt::Write as _;

use escriba_domain::Segment;

use super::{
    Render,
    cues::{Clock, Cue, Timeline, lay_out},
};

pub(crate) struct Srt {
    newline: &'static str,
    timeline: Timeline,
    written: u64,
}

impl Srt {
    pub(crate) fn new(newline: &'static str) -> Self {
        Self { newline, timeline: Timeline::default(), written: 0 }
    }

    fn write(&mut self, cue: &Cue, out: &mut String) {
        let newline = self.newline;
        if self.written > 0 {
            out.push_str(newline);
        }
        self.written += 1;
        let (start, end) = (Clock(cue.start_ms, ','), Clock(cue.end_ms, ','));
        let _ = write!(out, "{}{newline}{start} --> {end}{newline}", self.written);
        for line in &cue.lines {
            out.push_str(line);
            out.push_str(newline);
        }
    }
}

impl Render for Srt {
    fn begin(&mut self, _out: &mut String) {}

    fn segment(&mut self, segment: &Segment, out: &mut String) {
        for cue in lay_out(segment) {
            if let Some(cue) = self.timeline.push(cue) {
                self.write(&cue, out);
            }
        }
    }

    fn end(&mut self, out: &mut String) {
        if let Some(cue) = self.timeline.finish() {
            self.write(&cue, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::samples::{segment, whole};

    fn srt(segments: &[Segment]) -> String {
        whole(Srt::new("\n"), segments)
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
        assert_eq!(whole(Srt::new("\r\n"), &[segment(0, 1000, "One"), segment(1000, 2000, "Two")]), expected);
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
}
