//! The name a rendered file is saved under. The upload's name came from a stranger's machine, so what could lead out
//! of a folder, hide itself or forge a header is taken out of it.

use super::{Format, text};

/// Leaves room for the extension within the 255 bytes that file systems allow.
const MAX_STEM_BYTES: usize = 200;
/// Longer endings than `.aiff` or `.webm` are part of the name.
const MAX_EXTENSION: usize = 5;
const UNNAMED: &str = "transcript";

/// The uploaded file's name with the format's extension instead of its own. Never empty, never hidden, a single path
/// component without control characters.
pub(crate) fn file_name(uploaded: &str, format: Format) -> String {
    let last = uploaded.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = text::single_line(last).chars().filter(|&c| !reorders_text(c)).collect();
    let stem = cut(without_extension(name.trim_start_matches(['.', ' '])), MAX_STEM_BYTES).trim_end_matches(['.', ' ']);
    let stem = if stem.is_empty() { UNNAMED } else { stem };
    format!("{stem}.{}", format.as_str())
}

/// Bidirectional controls, with which `gpj.exe` can be made to read `exe.jpg`.
const fn reorders_text(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn without_extension(name: &str) -> &str {
    let is_extension = |text: &str| {
        (1..=MAX_EXTENSION).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_alphanumeric())
            && text.chars().any(|c| c.is_ascii_alphabetic())
    };
    match name.rsplit_once('.') {
        Some((stem, extension)) if is_extension(extension) => stem,
        _ => name,
    }
}

fn cut(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_is_replaced() {
        for (uploaded, expected) in [
            ("talk.mp3", "talk.srt"),
            ("Réunion du 3 mai.M4A", "Réunion du 3 mai.srt"),
            ("no extension", "no extension.srt"),
            ("Meeting 2024.05.12", "Meeting 2024.05.12.srt"),
            ("interview.part1.wav", "interview.part1.srt"),
            ("会議.wav", "会議.srt"),
        ] {
            assert_eq!(file_name(uploaded, Format::Srt), expected);
        }
        assert_eq!(file_name("talk.mp3", Format::Json), "talk.json");
    }

    #[test]
    fn nothing_leads_out_of_the_folder_or_hides() {
        for (uploaded, expected) in [
            ("../../etc/passwd", "passwd.vtt"),
            (r"C:\Users\me\voice memo.ogg", "voice memo.vtt"),
            ("a/b/", "b.vtt"),
            (".bashrc", "bashrc.vtt"),
            ("a\r\nSet-Cookie: x=1.mp3", "a Set-Cookie: x=1.vtt"),
            ("a\u{202e}3pm.exe", "a3pm.vtt"),
            ("a\u{0}b.mp3", "ab.vtt"),
        ] {
            assert_eq!(file_name(uploaded, Format::Vtt), expected);
        }
    }

    #[test]
    fn a_name_of_nothing_becomes_a_name() {
        for uploaded in ["", ".", "..", "/", "\u{7}", " . "] {
            assert_eq!(file_name(uploaded, Format::Txt), "transcript.txt", "{uploaded:?}");
        }
        assert_eq!(file_name(".mp3", Format::Txt), "mp3.txt");
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let name = file_name(&format!("{}.mp3", "é".repeat(300)), Format::Txt);
        assert_eq!(name, format!("{}.txt", "é".repeat(100)));
    }
}
