//! The token list that a ggml model file carries, read from the `tokenizer.json` beside the packaged weights.
//!
//! A tokenizer file spells bytes as printable characters, the way GPT-2 began it; ggml wants the bytes. Tokens for
//! languages, tasks and times stay out: whisper.cpp makes them up itself.

use std::collections::HashMap;

use serde::Deserialize;

use super::convert::ConvertError;

/// As many tokens as GPT-2 had. In English models the last is the end of text; in multilingual ones that comes after,
/// and is left out with the other special ones.
pub(crate) const TOKENS: usize = 50_257;

#[derive(Deserialize)]
struct TokenizerFile {
    model: Vocabulary,
}

#[derive(Deserialize)]
struct Vocabulary {
    vocab: HashMap<String, usize>,
}

/// The bytes of the first `count` tokens, by number.
pub(crate) fn token_list(tokenizer_json: &[u8], count: usize) -> Result<Vec<Vec<u8>>, ConvertError> {
    let file: TokenizerFile =
        serde_json::from_slice(tokenizer_json).map_err(|source| ConvertError::Tokenizer(source.to_string()))?;
    let bytes_of = spelling();
    let mut tokens = vec![None; count];
    for (spelled, id) in file.model.vocab {
        let Some(place) = tokens.get_mut(id) else { continue };
        let bytes: Option<Vec<u8>> = spelled.chars().map(|character| bytes_of.get(&character).copied()).collect();
        *place = Some(bytes.ok_or(ConvertError::TokenSpelling(spelled))?);
    }
    let missing = |id| ConvertError::Tokenizer(format!("token {id} is missing"));
    tokens.into_iter().enumerate().map(|(id, token)| token.ok_or_else(|| missing(id))).collect()
}

/// Which byte each character of a spelled token stands for: the printable ones for themselves, the others, in order,
/// for the characters from U+0100 on (`bytes_to_unicode` in GPT-2's own code).
fn spelling() -> HashMap<char, u8> {
    let printable = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let for_themselves = (0..=u8::MAX).filter(printable).map(|byte| (char::from(byte), byte));
    let stand_ins = ('\u{100}'..).zip((0..=u8::MAX).filter(|byte| !printable(byte)));
    for_themselves.chain(stand_ins).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_one_spelling() {
        let spelling = spelling();
        assert_eq!(spelling.len(), 256);
        assert_eq!(spelling[&'Ġ'], b' ');
        assert_eq!(spelling[&'Ċ'], b'\n');
        assert_eq!(spelling[&'é'], 0xE9);
    }

    #[test]
    fn tokens_come_in_order_and_no_more_than_asked_for() {
        let json = r#"{"model": {"vocab": {"Ġhi": 1, "!": 0, "": 2, "<|endoftext|>": 3, "<|en|>": 4}}}"#;
        let tokens = token_list(json.as_bytes(), 4).unwrap();
        assert_eq!(tokens, [b"!".to_vec(), b" hi".to_vec(), Vec::new(), b"<|endoftext|>".to_vec()]);
    }

    #[test]
    fn a_gap_or_an_unknown_spelling_is_an_error() {
        let gap = r#"{"model": {"vocab": {"a": 0, "b": 2}}}"#;
        assert!(matches!(token_list(gap.as_bytes(), 3), Err(ConvertError::Tokenizer(_))));
        let spelling = r#"{"model": {"vocab": {"a b": 0}}}"#;
        assert!(matches!(token_list(spelling.as_bytes(), 1), Err(ConvertError::TokenSpelling(_))));
        assert!(token_list(b"not json", 1).is_err());
    }
}
