//! Plain text: one line a segment, for reading and for other programs. Has no times and no layout; where channels are
//! told apart, each turn begins with its channel.

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
            out.push_str(&self.turns.label(segment.channel));
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
    fn nothing_said_is_nothing_written() {
        assert_eq!(whole(Txt::new("\n"), &[]), "");
    }
}
