//! How pieces of a transcript become one text.

/// Whether a script writes its words without spaces between them, as Chinese and Japanese do.
pub const fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{2e80}'..='\u{312f}' | '\u{3190}'..='\u{4dbf}' // radicals, CJK punctuation, kana, bopomofo, ideographs
        | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}' // more ideographs
        | '\u{ff00}'..='\u{ffef}') // full-width forms
}

/// Adds what is said next: after a space, unless both sides are of a script that has none.
pub fn append_spoken(text: &mut String, next: &str) {
    if let (Some(last), Some(first)) = (text.chars().next_back(), next.chars().next())
        && !(is_unspaced(last) && is_unspaced(first))
    {
        text.push(' ');
    }
    text.push_str(next);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_joined_as_their_script_is_written() {
        let joined = |pieces: &[&str]| {
            let mut text = String::new();
            for piece in pieces {
                append_spoken(&mut text, piece);
            }
            text
        };
        assert_eq!(joined(&["はい。", "そうです", "", "OK"]), "はい。そうです OK");
        assert_eq!(joined(&["", "And so", "my fellow"]), "And so my fellow");
    }
}
