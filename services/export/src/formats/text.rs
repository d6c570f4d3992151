//! What every format has to do to the text of a segment before it is safe to put into lines: text comes from a model
//! or from a person's edit and may hold line breaks, control characters or nothing at all.

use escriba_domain::Segment;

/// The lines of a text: each trimmed, inner white space made single spaces, control characters gone, none empty.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = String> {
    text.split(is_line_break).map(tidy).filter(|line| !line.is_empty())
}

/// The text on one line; empty when it has nothing to show.
pub(crate) fn single_line(text: &str) -> String {
    lines(text).collect::<Vec<_>>().join(" ")
}

/// Who speaks, as far as is known: by the name that somebody gave, else by channel.
pub(crate) fn voice(segment: &Segment) -> Option<String> {
    let name = segment.speaker.as_deref().map(single_line).filter(|name| !name.is_empty());
    name.or_else(|| segment.channel.map(|channel| format!("Channel {channel}")))
}

/// What tells voices apart where a format has no way of its own.
pub(crate) fn label(voice: &str) -> String {
    format!("{voice}: ")
}

/// Says whose turn it is: the label where it is another voice's, nothing where it goes on or is not known.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    latest: Option<String>,
}

impl Turns {
    pub(crate) fn label(&mut self, voice: Option<&str>) -> String {
        if self.latest.as_deref() == voice {
            return String::new();
        }
        self.latest = voice.map(str::to_owned);
        voice.map(label).unwrap_or_default()
    }
}

const fn is_line_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn tidy(line: &str) -> String {
    let visible: String = line.chars().filter(|&c| c.is_whitespace() || !(c.is_control() || c == '\u{feff}')).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_trimmed_and_never_empty() {
        let text = "  one\t two \r\n\r\n \u{2028}three\u{0}\u{85}\u{7}";
        assert_eq!(lines(text).collect::<Vec<_>>(), ["one two", "three"]);
        assert_eq!(single_line(text), "one two three");
        assert_eq!(single_line(" \n\u{feff} "), "");
    }
}
