//! Breaks a text into lines that fit on the screen. Between words where the script has spaces; between characters in
//! Chinese and Japanese, keeping closing marks off a line's start and opening ones off its end; and inside a word
//! only where it alone is longer than a line, never inside what a reader sees as one character.

use unicode_segmentation::UnicodeSegmentation;

use crate::formats::text::is_unspaced;

/// The usual limit for subtitles in Latin script; Netflix's timed text style guides name it.
pub(super) const MAX_LINE_CHARS: usize = 42;

/// A piece of text that stays on one line.
struct Atom {
    text: String,
    chars: usize,
    after_space: bool,
}

/// The lines of a tidy line of text, each of at most 42 characters.
pub(super) fn wrap(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut filled) = (String::new(), 0);
    for atom in text.split(' ').flat_map(atoms) {
        let gap = usize::from(atom.after_space && filled > 0);
        if filled > 0 && filled + gap + atom.chars > MAX_LINE_CHARS {
            lines.push(std::mem::take(&mut line));
            filled = 0;
        } else if gap == 1 {
            line.push(' ');
            filled += 1;
        }
        line.push_str(&atom.text);
        filled += atom.chars;
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// The pieces a word may be broken into.
fn atoms(word: &str) -> Vec<Atom> {
    let mut atoms: Vec<Atom> = Vec::new();
    let mut last = None;
    for character in word.graphemes(true) {
        let chars = character.chars().count();
        match atoms.last_mut() {
            Some(atom) if !may_break(last, character) && atom.chars + chars <= MAX_LINE_CHARS => {
                atom.text.push_str(character);
                atom.chars += chars;
            }
            _ => atoms.push(Atom { text: character.to_owned(), chars, after_space: last.is_none() }),
        }
        last = character.chars().next();
    }
    atoms
}

fn may_break(before: Option<char>, character: &str) -> bool {
    let (Some(before), Some(after)) = (before, character.chars().next()) else {
        return false;
    };
    (is_unspaced(before) || is_unspaced(after)) && !opens(before) && !stays_with_what_precedes(after)
}

const fn opens(c: char) -> bool {
    matches!(c, '「' | '『' | '（' | '〈' | '《' | '【' | '〔' | '［' | '｛' | '“' | '‘' | '(' | '[' | '{')
}

/// The marks that Japanese and Chinese typesetting keeps off the start of a line (JIS X 4051, GB/T 15834).
const fn stays_with_what_precedes(c: char) -> bool {
    matches!(
        c,
        '、' | '。'
            | '，'
            | '．'
            | '！'
            | '？'
            | '：'
            | '；'
            | '・'
            | '…'
            | '‥'
            | 'ー'
            | '～'
            | '々'
            | '」'
            | '』'
            | '）'
            | '〉'
            | '》'
            | '】'
            | '〕'
            | '］'
            | '｝'
            | '”'
            | '’'
            | ')'
            | ']'
            | '}'
            | ','
            | '.'
            | '!'
            | '?'
            | ':'
            | ';'
            | '%'
            | 'ぁ'
            | 'ぃ'
            | 'ぅ'
            | 'ぇ'
            | 'ぉ'
            | 'っ'
            | 'ゃ'
            | 'ゅ'
            | 'ょ'
            | 'ァ'
            | 'ィ'
            | 'ゥ'
            | 'ェ'
            | 'ォ'
            | 'ッ'
            | 'ャ'
            | 'ュ'
            | 'ョ'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        let text = "The quick brown fox jumps over the lazy dog and then it sleeps";
        assert_eq!(wrap(text), ["The quick brown fox jumps over the lazy", "dog and then it sleeps"]);
    }

    #[test]
    fn forty_two_characters_fit_and_forty_three_do_not() {
        assert_eq!(wrap(&format!("{} b", "a".repeat(40))).len(), 1);
        assert_eq!(wrap(&format!("{} b", "a".repeat(41))).len(), 2);
    }

    #[test]
    fn a_word_longer_than_a_line_is_broken() {
        let text = format!("see https://example.com/{}", "x".repeat(60));
        let lines = wrap(&text);
        assert!(lines.iter().all(|line| line.chars().count() <= MAX_LINE_CHARS));
        assert_eq!(lines.concat(), text.replace(' ', ""));
        assert_eq!(lines[0], "see");
    }

    #[test]
    fn what_reads_as_one_character_is_never_torn() {
        let family = "👨‍👩‍👧‍👦";
        let lines = wrap(&family.repeat(20));
        assert!(lines.len() > 1);
        assert!(lines.iter().all(|line| line.replace(family, "").is_empty()), "{lines:?}");
    }

    #[test]
    fn japanese_marks_do_not_start_a_line() {
        let text = format!("{}。{}", "あ".repeat(42), "い".repeat(3));
        assert_eq!(wrap(&text), ["あ".repeat(41), "あ。いいい".to_owned()]);
        let opening = format!("{}「{}", "あ".repeat(41), "い".repeat(3));
        assert_eq!(wrap(&opening), ["あ".repeat(41), "「いいい".to_owned()]);
    }

    #[test]
    fn latin_words_within_japanese_stay_whole() {
        let text = format!("{}Kubernetesを使う", "あ".repeat(36));
        assert_eq!(wrap(&text), ["あ".repeat(36), "Kubernetesを使う".to_owned()]);
    }

    #[test]
    fn korean_breaks_between_words_only() {
        let text = "안녕하세요 여러분 오늘은 날씨가 정말 좋네요 그래서 우리는 공원에 산책을 하러 갔습니다";
        let lines = wrap(text);
        assert_eq!(lines.join(" "), text);
        assert_eq!(lines.len(), 2);
    }
}
