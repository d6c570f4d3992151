//! The times of words while their text changes: a word that is kept keeps its time, a new one gets a share of the time
//! between its neighbours.

use std::ops::Range;

use escriba_domain::{Word, is_unspaced};
use similar::{Algorithm, DiffTag, capture_diff_slices};

/// Of a word that a person wrote.
const CERTAIN: f32 = 1.0;

/// The words of a text: at white space, and each character of a script that writes none. Punctuation stays with the word
/// before it.
pub(super) fn tokens(text: &str) -> Vec<&str> {
    text.split_whitespace().flat_map(unspaced_tokens).collect()
}

fn unspaced_tokens(text: &str) -> Vec<&str> {
    let mut starts = vec![0];
    let mut before: Option<char> = None;
    for (at, c) in text.char_indices() {
        let parts = before.is_some_and(is_unspaced) || is_unspaced(c);
        if before.is_some() && parts && c.is_alphanumeric() {
            starts.push(at);
        }
        before = Some(c);
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).map(|(&start, end)| &text[start..end]).collect()
}

/// The words of the new text, timed by those of the old one.
pub(super) fn realign(words: &[Word], text: &str, span: &Range<u64>) -> Vec<Word> {
    let old: Vec<Word> = words.iter().flat_map(cut).collect();
    let new = tokens(text);
    let old_keys: Vec<String> = old.iter().map(|word| key(&word.text)).collect();
    let new_keys: Vec<String> = new.iter().map(|token| key(token)).collect();
    let mut timed: Vec<Word> = Vec::with_capacity(new.len());
    for operation in capture_diff_slices(Algorithm::Myers, &old_keys, &new_keys) {
        let (tag, was, is) = operation.as_tag_tuple();
        if tag == DiffTag::Equal {
            let kept = was.zip(is).map(|(was, is)| Word { text: new[is].to_owned(), ..old[was].clone() });
            timed.extend(kept);
        } else if !is.is_empty() {
            let gap = if was.is_empty() {
                let start = timed.last().map_or(span.start, |word| word.end_ms);
                start..old.get(was.start).map_or(span.end, |word| word.start_ms)
            } else {
                old[was.start].start_ms..old[was.end - 1].end_ms
            };
            timed.extend(spread(&new[is], &gap));
        }
    }
    fit(&mut timed, span);
    timed
}

/// Words without times of their own, each with a share of the time by its length.
pub(super) fn spread(tokens: &[&str], span: &Range<u64>) -> Vec<Word> {
    let lengths: Vec<u64> = tokens.iter().map(|token| token.chars().count() as u64).collect();
    let total = lengths.iter().sum::<u64>().max(1);
    let length = span.end.saturating_sub(span.start);
    let mut passed = 0;
    let timed = tokens.iter().zip(lengths).map(|(token, chars)| {
        let start_ms = span.start + length * passed / total;
        passed += chars;
        let end_ms = span.start + length * passed / total;
        Word { start_ms, end_ms, text: (*token).to_owned(), probability: CERTAIN }
    });
    timed.collect()
}

/// Keeps words within their segment. If none of them lies in it, they are spread over it.
pub(super) fn fit(words: &mut Vec<Word>, span: &Range<u64>) {
    let (Some(first), Some(last)) = (words.first(), words.last()) else { return };
    if last.end_ms <= span.start || first.start_ms >= span.end {
        let texts: Vec<String> = words.iter().map(|word| word.text.clone()).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        *words = spread(&texts, span);
        return;
    }
    for word in words {
        word.start_ms = word.start_ms.clamp(span.start, span.end);
        word.end_ms = word.end_ms.clamp(word.start_ms, span.end);
    }
}

/// A word of recognition, one for each of its tokens.
fn cut(word: &Word) -> Vec<Word> {
    let parts = tokens(&word.text);
    let timed = spread(&parts, &(word.start_ms..word.end_ms));
    timed.into_iter().map(|part| Word { probability: word.probability, ..part }).collect()
}

/// What makes two words the same: their letters, neither case nor punctuation.
fn key(token: &str) -> String {
    let letters: String = token.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    if letters.is_empty() { token.to_owned() } else { letters }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str, start_ms: u64, end_ms: u64) -> Word {
        Word { start_ms, end_ms, text: text.to_owned(), probability: 0.5 }
    }

    fn said() -> Vec<Word> {
        vec![word("and", 100, 300), word("so", 300, 500), word("my", 600, 700), word("fellow", 700, 1_200)]
    }

    fn shown(words: &[Word]) -> Vec<(&str, u64, u64, f32)> {
        words.iter().map(|word| (word.text.as_str(), word.start_ms, word.end_ms, word.probability)).collect()
    }

    #[test]
    fn words_are_told_apart_in_any_script() {
        assert_eq!(tokens(" it's  fine, "), ["it's", "fine,"]);
        assert_eq!(tokens("你好。OK吗"), ["你", "好。", "OK", "吗"]);
        assert!(tokens(" \n").is_empty());
    }

    #[test]
    fn words_that_are_kept_keep_their_times_however_they_are_written() {
        let timed = realign(&said(), "And so, my fellow", &(0..1_300));
        let expected =
            [("And", 100, 300, 0.5), ("so,", 300, 500, 0.5), ("my", 600, 700, 0.5), ("fellow", 700, 1_200, 0.5)];
        assert_eq!(shown(&timed), expected);
    }

    #[test]
    fn words_that_are_new_share_the_time_of_those_they_stand_for_or_between() {
        let timed = realign(&said(), "and then my dear fellow Americans", &(0..2_000));
        let expected = [
            ("and", 100, 300, 0.5),
            ("then", 300, 500, 1.0),
            ("my", 600, 700, 0.5),
            ("dear", 700, 700, 1.0),
            ("fellow", 700, 1_200, 0.5),
            ("Americans", 1_200, 2_000, 1.0),
        ];
        assert_eq!(shown(&timed), expected);
        let timed = realign(&said(), "well well and so my", &(0..1_300));
        assert_eq!(shown(&timed)[..3], [("well", 0, 50, 1.0), ("well", 50, 100, 1.0), ("and", 100, 300, 0.5)]);
        assert_eq!(timed.last().unwrap().end_ms, 700);
        let timed = realign(&said(), "something else", &(0..1_300));
        assert_eq!((timed[0].start_ms, timed[1].end_ms), (100, 1_200));
    }

    #[test]
    fn characters_of_unspaced_scripts_keep_theirs_too() {
        let timed = realign(&[word("你好", 0, 400), word("世界", 400, 800)], "你们好世界", &(0..900));
        let expected = [("你", 0, 200), ("们", 200, 200), ("好", 200, 400), ("世", 400, 600), ("界", 600, 800)];
        assert_eq!(timed.iter().map(|w| (w.text.as_str(), w.start_ms, w.end_ms)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn words_stay_within_their_segment() {
        let mut words = said();
        fit(&mut words, &(200..650));
        let times: Vec<_> = words.iter().map(|word| (word.start_ms, word.end_ms)).collect();
        assert_eq!(times, [(200, 300), (300, 500), (600, 650), (650, 650)]);
        fit(&mut words, &(5_000..6_300));
        let times: Vec<_> = words.iter().map(|word| (word.start_ms, word.end_ms)).collect();
        assert_eq!(times, [(5_000, 5_300), (5_300, 5_500), (5_500, 5_700), (5_700, 6_300)]);
    }
}
