//! What every format has to do to the text of a segment before it is safe to put into lines: text comes from a model
//! or from a person's edit and may hold line breaks, control characters or nothing at all.

/// The lines of a text: each trimmed, inner white space made single spaces, control characters gone, none empty.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = String> {
    text.split(is_line_break).map(tidy).filter(|line| !line.is_empty())
}

/// The text on one line; empty when it has nothing to show.
pub(crate) fn single_line(text: &str) -> String {
    lines(text).collect::<Vec<_>>().join(" ")
}

/// What tells channels apart where a format has no way of its own.
pub(crate) fn channel_label(channel: u16) -> String {
    format!("Channel {channel}: ")
}

/// Says whose turn it is: the label where it is another channel's, nothing where it goes on or channels are mixed.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    latest: Option<u16>,
}

impl Turns {
    pub(crate) fn label(&mut self, channel: Option<u16>) -> String {
        if self.latest == channel {
            return String::new();
        }
        self.latest = channel;
        channel.map(channel_label).unwrap_or_default()
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
