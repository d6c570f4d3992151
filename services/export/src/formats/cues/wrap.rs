//! Breaks a text into lines that fit on the screen. Between words where the script has spaces; between characters in
//! Chinese and Japanese, keeping closing marks off a line's start and opening ones off its end; and inside a word
//! only where it alone is longer than a line, never inside what a reader sees as one character.

use escriba_domain::is_unspaced;
use unicode_segmentation::UnicodeSegmentation;

/// The usual limit for subtitles in Latin script; Netflix's timed text style guides name it.
pub(super) const MAX_LINE_CHARS: usize = 42;

/// A piece of text that stays on one line.
pub(super) struct Atom {
    text: String,
    chars: usize,
    joint: Joint,
}

/// What is between an atom and the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joint {
    Nothing,
    Space,
    LineBreak,
}

/// Where the next atom goes.
pub(super) struct Cursor {
    lines: usize,
    filled: usize,
    /// Characters the present line has room for.
    room: usize,
}

impl Atom {
    /// Its characters, and the space before it.
    pub(super) fn width(&self) -> usize {
        self.chars + usize::from(self.joint != Joint::Nothing)
    }
}

impl Cursor {
    /// At the start of a first line, behind a label of so many characters.
    pub(super) const fn after_label(label: usize) -> Self {
        Self { lines: 0, filled: 0, room: MAX_LINE_CHARS.saturating_sub(label) }
    }

    /// How many lines there are so far.
    pub(super) const fn lines(&self) -> usize {
        self.lines
    }

    /// Puts an atom behind the last one, and says what comes between them.
    pub(super) fn place(&mut self, atom: &Atom) -> Joint {
        let gap = usize::from(atom.joint == Joint::Space);
        let joint = if self.lines == 0 || atom.joint == Joint::LineBreak || self.filled + gap + atom.chars > self.room {
            Joint::LineBreak
        } else {
            atom.joint
        };
        if joint == Joint::LineBreak {
            if self.lines > 0 {
                self.room = MAX_LINE_CHARS;
            }
            self.lines += 1;
            self.filled = 0;
        } else {
            self.filled += gap;
        }
        self.filled += atom.chars;
        joint
    }
}

/// The lines that atoms take, each of at most 42 characters, the first with room for a label.
pub(super) fn wrap(atoms: &[Atom], label: usize) -> Vec<String> {
    let mut cursor = Cursor::after_label(label);
    let mut lines: Vec<String> = Vec::new();
    for atom in atoms {
        match (cursor.place(atom), lines.last_mut()) {
            (Joint::Nothing, Some(line)) => line.push_str(&atom.text),
            (Joint::Space, Some(line)) => {
                line.push(' ');
                line.push_str(&atom.text);
            }
            _ => lines.push(atom.text.clone()),
        }
    }
    lines
}

/// The pieces of a tidy line of text.
pub(super) fn atoms(line: &str) -> impl Iterator<Item = Atom> {
    let words = line.split(' ').enumerate();
    words.flat_map(|(nth, word)| pieces(word, if nth == 0 { Joint::LineBreak } else { Joint::Space }))
}

/// The pieces a word may be broken into.
fn pieces(word: &str, before: Joint) -> Vec<Atom> {
    let mut atoms: Vec<Atom> = Vec::new();
    let mut last = None;
    for character in word.graphemes(true) {
        let chars = character.chars().count();
        match atoms.last_mut() {
            Some(atom) if !may_break(last, character) && atom.chars + chars <= MAX_LINE_CHARS => {
                atom.text.push_str(character);
                atom.chars += chars;
            }
            _ => {
                let joint = if last.is_none() { before } else { Joint::Nothing };
                atoms.push(Atom { text: character.to_owned(), chars, joint });
            }
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

    fn wrap(text: &str) -> Vec<String> {
        super::wrap(&atoms(text).collect::<Vec<_>>(), 0)
    }

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
