//! Words from the model's tokens. A token is a piece of a word and may even be a piece of a character, so bytes are
//! joined before they are read as text. It places words in time and invents no time of its own.

use escriba_domain::{Language, Word};

/// One text token of a segment.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) bytes: Vec<u8>,
    pub(super) start_ms: u64,
    pub(super) end_ms: u64,
    /// 0 to 1.
    pub(super) probability: f32,
}

/// Whether the language is written without spaces between words (as in OpenAI's `split_to_word_tokens`).
pub(super) fn is_unspaced(language: Language) -> bool {
    matches!(language.code(), "zh" | "ja" | "th" | "lo" | "my" | "yue")
}

/// The words of a segment from `start_ms` to `end_ms`: in order, without overlap, inside the segment.
pub(super) fn group(tokens: &[Token], unspaced: bool, start_ms: u64, end_ms: u64) -> Vec<Word> {
    let mut drafts: Vec<Draft> = Vec::new();
    for token in tokens {
        match drafts.last_mut() {
            Some(draft) if !draft.ends_before(token, unspaced) => draft.extend(token),
            _ => drafts.push(Draft::new(token)),
        }
    }
    let mut earliest = start_ms;
    let in_order = drafts.into_iter().filter_map(|draft| {
        let word = draft.into_word(earliest, end_ms)?;
        earliest = word.end_ms;
        Some(word)
    });
    in_order.collect()
}

struct Draft {
    bytes: Vec<u8>,
    start_ms: u64,
    end_ms: u64,
    probabilities: Vec<f32>,
}

impl Draft {
    fn new(token: &Token) -> Self {
        Self {
            bytes: token.bytes.clone(),
            start_ms: token.start_ms,
            end_ms: token.end_ms,
            probabilities: vec![token.probability],
        }
    }

    fn extend(&mut self, token: &Token) {
        self.bytes.extend(&token.bytes);
        self.end_ms = token.end_ms;
        self.probabilities.push(token.probability);
    }

    fn ends_before(&self, token: &Token, unspaced: bool) -> bool {
        if token.bytes.starts_with(b" ") {
            return true;
        }
        let Ok(text) = str::from_utf8(&self.bytes) else { return false };
        if !unspaced || is_opening(text) {
            return false;
        }
        // Latin names within Chinese or Japanese text come in pieces as they do elsewhere.
        let is_latin = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let goes_on = is_latin(self.bytes.last()) && is_latin(token.bytes.first());
        !goes_on && !is_closing(&token.bytes)
    }

    fn into_word(self, earliest: u64, latest: u64) -> Option<Word> {
        let text = String::from_utf8_lossy(&self.bytes).trim().to_owned();
        let start_ms = self.start_ms.clamp(earliest, latest);
        let end_ms = self.end_ms.clamp(start_ms, latest);
        #[allow(clippy::cast_precision_loss, reason = "a word has few tokens")]
        let probability = self.probabilities.iter().sum::<f32>() / self.probabilities.len() as f32;
        (!text.is_empty()).then_some(Word { start_ms, end_ms, text, probability })
    }
}

fn is_opening(text: &str) -> bool {
    !text.trim().is_empty() && text.trim().chars().all(|c| "「『（([{“‘《【".contains(c))
}

fn is_closing(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_ok_and(|text| {
        !text.is_empty() && text.chars().all(|c| !c.is_alphanumeric() && !"「『（([{“‘《【".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(pieces: &[&[u8]]) -> Vec<Token> {
        let token = |(index, bytes): (u64, &&[u8])| Token {
            bytes: bytes.to_vec(),
            start_ms: index * 100,
            end_ms: index * 100 + 100,
            probability: 0.5,
        };
        (0..).zip(pieces).map(token).collect()
    }

    fn texts(words: &[Word]) -> Vec<&str> {
        words.iter().map(|word| word.text.as_str()).collect()
    }

    #[test]
    fn words_begin_at_spaces_and_keep_their_punctuation() {
        let words = group(&tokens(&[b" Ask", b" not", b",", b" fel", b"low", b"."]), false, 0, 600);
        assert_eq!(texts(&words), ["Ask", "not,", "fellow."]);
        assert_eq!((words[2].start_ms, words[2].end_ms), (300, 600));
        assert!((words[2].probability - 0.5).abs() < 1e-6);
    }

    #[test]
    fn a_character_split_between_tokens_is_one_character() {
        let words = group(&tokens(&[b" caf", b"\xc3", b"\xa9", b" s\xc3", b"\xad"]), false, 0, 500);
        assert_eq!(texts(&words), ["café", "sí"]);
        let words = group(&tokens(&[b"\xe4\xbd", b"\xa0", "好".as_bytes(), "。".as_bytes()]), true, 0, 400);
        assert_eq!(texts(&words), ["你", "好。"]);
    }

    #[test]
    fn latin_names_and_brackets_stay_whole_in_text_without_spaces() {
        let pieces: [&[u8]; 6] = ["「".as_bytes(), "私".as_bytes(), "」".as_bytes(), b"i", b"Phone", "を".as_bytes()];
        assert_eq!(texts(&group(&tokens(&pieces), true, 0, 600)), ["「私」", "iPhone", "を"]);
    }

    #[test]
    fn words_stay_in_order_and_inside_their_segment() {
        let mut given = tokens(&[b" one", b" two", b" three"]);
        given[1].start_ms = 50;
        given[1].end_ms = 20;
        given[2].end_ms = 9_000;
        let words = group(&given, false, 30, 280);
        let times: Vec<_> = words.iter().map(|word| (word.start_ms, word.end_ms)).collect();
        assert_eq!(times, [(30, 100), (100, 100), (200, 280)]);
    }
}
