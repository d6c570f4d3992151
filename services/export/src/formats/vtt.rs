//! `WebVTT`, as <https://www.w3.org/TR/webvtt1/> defines it: a header, a full stop before the milliseconds, and the
//! characters that would start a tag or an entity escaped. Cues carry no numbers, settings or styles; where
//! speakers or channels are told apart, each is a voice.

use std::fmt::Write as _;

use super::cues::{Clock, Cue, Subtitles, WriteCue};

pub(crate) struct Vtt {
    newline: &'static str,
}

impl Vtt {
    pub(crate) fn renderer(newline: &'static str) -> Subtitles<Self> {
        Subtitles::new(Self { newline })
    }
}

impl WriteCue for Vtt {
    fn begin(&mut self, out: &mut String) {
        out.push_str("WEBVTT");
        out.push_str(self.newline);
    }

    fn cue(&mut self, cue: &Cue, out: &mut String) {
        let newline = self.newline;
        let (start, end) = (Clock(cue.start_ms, '.'), Clock(cue.end_ms, '.'));
        let _ = write!(out, "{newline}{start} --> {end}{newline}");
        // A voice that fills its cue needs no end tag.
        if let Some(voice) = &cue.voice {
            out.push_str("<v ");
            push_escaped(voice, out);
            out.push('>');
        }
        for line in &cue.lines {
            push_escaped(line, out);
            out.push_str(newline);
        }
    }
}

fn push_escaped(line: &str, out: &mut String) {
    for c in line.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::samples::{segment, whole};

    #[test]
    fn a_header_and_two_cues() {
        let expected = "\
WEBVTT

00:00:00.000 --> 00:00:01.500
Good morning.

01:00:01.005 --> 01:00:02.000
How are you?
";
        let segments = [segment(0, 1500, " Good morning."), segment(3_601_005, 3_602_000, " How are you?")];
        assert_eq!(whole(Vtt::renderer("\n"), &segments), expected);
    }

    #[test]
    fn lines_end_as_asked() {
        let expected = "WEBVTT\r\n\r\n00:00:00.000 --> 00:00:01.000\r\nOne\r\n";
        assert_eq!(whole(Vtt::renderer("\r\n"), &[segment(0, 1000, "One")]), expected);
    }

    #[test]
    fn markup_is_escaped_and_arrows_are_gone() {
        let expected = "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nQ&amp;A: &lt;b&gt; 1 -&gt; 2 &amp;amp;\n";
        assert_eq!(whole(Vtt::renderer("\n"), &[segment(0, 1000, "Q&A: <b> 1 --> 2 &amp;")]), expected);
    }

    #[test]
    fn a_text_that_looks_like_a_header_or_note_stays_in_its_cue() {
        let expected = "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nNOTE this\nSTYLE\n";
        assert_eq!(whole(Vtt::renderer("\n"), &[segment(0, 1000, "NOTE this\n\nSTYLE")]), expected);
    }

    #[test]
    fn nothing_said_is_a_valid_empty_file() {
        assert_eq!(whole(Vtt::renderer("\n"), &[segment(0, 1000, " ")]), "WEBVTT\n");
    }

    #[test]
    fn a_speaker_that_was_named_is_a_voice_and_cannot_break_out_of_it() {
        let named =
            escriba_domain::Segment { speaker: Some("Ana\n<b> & --> co".to_owned()), ..segment(0, 1000, "Hi.") };
        let expected = "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n<v Ana &lt;b&gt; &amp; -&gt; co>Hi.\n";
        assert_eq!(whole(Vtt::renderer("\n"), &[named]), expected);
    }

    #[test]
    fn each_channel_is_a_voice() {
        let of = |channel, text: &str| escriba_domain::Segment { channel: Some(channel), ..segment(0, 1000, text) };
        let expected = "\
WEBVTT

00:00:00.000 --> 00:00:01.000
<v Channel 1>Hello?

00:00:00.000 --> 00:00:01.000
<v Channel 2>- Hi
- 1 &lt; 2
";
        assert_eq!(whole(Vtt::renderer("\n"), &[of(1, "Hello?"), of(2, "- Hi\n- 1 < 2")]), expected);
    }
}
