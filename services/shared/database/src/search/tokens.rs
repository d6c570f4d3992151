//! Text as words: without case and accents, so that `jose` finds `José`.

use std::ops::Range;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// A longer word is known by its beginning.
const MAX_WORD_CHARS: usize = 64;

/// A word, and where in the text it stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) word: String,
    pub(super) place: Range<usize>,
}

/// The words of a text in order. Where a script has no blanks between words, each character is one.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut begun = None;
    let mut add = |place: Range<usize>| {
        let word = fold(&text[place.clone()]);
        if !word.is_empty() {
            found.push(Token { word, place });
        }
    };
    for (at, c) in text.char_indices() {
        let (within, alone) = (is_of_word(c), has_no_blanks(c));
        if within && !alone {
            begun.get_or_insert(at);
            continue;
        }
        if let Some(begun) = begun.take() {
            add(begun..at);
        }
        if within {
            add(at..at + c.len_utf8());
        }
    }
    if let Some(begun) = begun {
        add(begun..text.len());
    }
    found
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c)
}

/// Nothing but letters, digits and marks is left; above all no blank, quote or backslash.
fn fold(word: &str) -> String {
    let plain = word.nfkd().filter(|&c| !is_accent(c)).flat_map(char::to_lowercase);
    let mut folded = String::with_capacity(word.len());
    for c in plain.nfc().filter(|&c| is_of_word(c)).take(MAX_WORD_CHARS) {
        match respelled(c) {
            Some(letters) => folded.push_str(letters),
            None => folded.push(c),
        }
    }
    folded
}

/// The marks of Latin, Greek, Cyrillic, Hebrew and Arabic, which people leave out. Those of other scripts make other
/// letters.
const fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{64b}'..='\u{65f}' | '\u{670}')
}

/// Letters that Unicode takes for letters of their own, and keyboards without them do not.
const fn respelled(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ł' => "l",
        'þ' => "th",
        'ı' => "i",
        'ς' => "σ",
        _ => return None,
    })
}

/// Chinese, Japanese, Thai, Lao, Burmese and Khmer.
const fn has_no_blanks(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens(text).into_iter().map(|token| token.word).collect()
    }

    #[test]
    fn case_and_accents_do_not_count() {
        assert_eq!(words("José, JOSE\u{301} & ÉCOLE!"), ["jose", "jose", "ecole"]);
        assert_eq!(words("Straße Łódź Øresund İstanbul Æsir"), ["strasse", "lodz", "oresund", "istanbul", "aesir"]);
        assert_eq!(words("Ёлка Ὀδυσσεύς שָׁלוֹם ﬁn"), ["елка", "οδυσσευσ", "שלום", "fin"]);
    }

    #[test]
    fn whatever_is_no_letter_or_digit_stands_between_words() {
        assert_eq!(words("interview_2024-05.final.mp3"), ["interview", "2024", "05", "final", "mp3"]);
        assert_eq!(words("a*b:(c) 'd' \"e\" \\f\\ -- % don't"), ["a", "b", "c", "d", "e", "f", "don", "t"]);
        assert_eq!(words(" \u{0}\n…"), Vec::<String>::new());
    }

    #[test]
    fn marks_that_make_other_letters_stay() {
        assert_eq!(words("की का"), ["की", "का"]);
        assert_eq!(words("한국어"), ["한국어"]);
    }

    #[test]
    fn scripts_without_blanks_are_read_by_character() {
        assert_eq!(words("会議は3時ガ"), ["会", "議", "は", "3", "時", "ガ"]);
    }

    #[test]
    fn places_lead_back_into_the_text() {
        let text = "¿El AÑO nuevo?";
        let found: Vec<_> = tokens(text).into_iter().map(|token| &text[token.place]).collect();
        assert_eq!(found, ["El", "AÑO", "nuevo"]);
    }

    #[test]
    fn an_endless_word_is_known_by_its_beginning() {
        assert_eq!(words(&"x".repeat(9_000)), ["x".repeat(64)]);
    }
}
