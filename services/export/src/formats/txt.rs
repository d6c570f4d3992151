//! Plain text: one line a segment, for reading and for other programs. Has no times and no layout; where speakers or
//! channels are told apart, each turn begins with its own.

use escriba_domain::Segment;

use super::{
    Render,
    text::{self, Turns},
};

pub(crate) struct Txt {
    newline: &'static str,
    turns: Turns,
}

impl Txt {
    pub(crate) fn new(newline: &'static str) -> Self {
        Self { newline, turns: Turns::default() }
    }
}

impl Render for Txt {
    fn begin(&mut self, _out: &mut String) {}

    fn segment(&mut self, segment: &Segment, out: &mut String) {
        let line = text::single_line(&segment.text);
        if !line.is_empty() {
            out.push_str(&self.turns.label(text::voice(segment).as_deref()));
            out.push_str(&line);
            out.push_str(self.newline);
        }
    }

    fn end(&mut self, _out: &mut String) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::samples::{segment, whole};

    #[test]
    fn one_trimmed_line_a_segment() {
        let segments = [
            segment(0, 900, " Good morning,\nall.  "),
            segment(900, 950, "  "),
            segment(950, 2000, "Über 1 < 2 & <i>x</i> --> y"),
        ];
        assert_eq!(whole(Txt::new("\n"), &segments), "Good morning, all.\nÜber 1 < 2 & <i>x</i> --> y\n");
        assert_eq!(whole(Txt::new("\r\n"), &segments[..1]), "Good morning, all.\r\n");
    }

    #[test]
    fn a_turn_begins_with_its_channel() {
        let of = |channel, text: &str| Segment { channel: Some(channel), ..segment(0, 900, text) };
        let segments = [of(1, "Hello."), of(1, "Anyone?"), of(2, " "), of(2, "Yes."), of(1, "Good.")];
        let expected = "Channel 1: Hello.\nAnyone?\nChannel 2: Yes.\nChannel 1: Good.\n";
        assert_eq!(whole(Txt::new("\n"), &segments), expected);
    }

    #[test]
    fn a_speaker_that_was_named_stands_for_the_channel() {
        let of = |speaker: Option<&str>, text: &str| Segment {
            channel: Some(1),
            speaker: speaker.map(str::to_owned),
            ..segment(0, 900, text)
        };
        let segments =
            [of(Some("Ana"), "Hello."), of(Some("Ana"), "Anyone?"), of(None, "Yes."), of(Some(" \n"), "No.")];
        assert_eq!(whole(Txt::new("\n"), &segments), "Ana: Hello.\nAnyone?\nChannel 1: Yes.\nNo.\n");
    }

    #[test]
    fn nothing_said_is_nothing_written() {
        assert_eq!(whole(Txt::new("\n"), &[]), "");
    }
}
