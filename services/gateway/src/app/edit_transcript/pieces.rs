//! One segment into two, and two into one.

use std::ops::Range;

use escriba_domain::{Decoding, Segment, Word, append_spoken, is_unspaced};

use super::{
    operation::Place,
    timing::{fit, realign, spread, tokens},
};

/// The two halves; `None` if one of them would be empty.
pub(super) fn split(segment: &Segment, place: Place) -> Option<(Segment, Segment)> {
    let words = timed(segment);
    let offset = match place {
        Place::Character(index) => segment.text.char_indices().nth(index)?.0,
        Place::Time(at_ms) => offset_at(segment, &words, at_ms)?,
    };
    let (left, right) = segment.text.split_at(offset);
    let (left, right) = (left.trim(), right.trim());
    if left.is_empty() || right.is_empty() {
        return None;
    }
    let (left_words, right_words) = part_words(words, &segment.text, offset);
    let (left_end, right_start) = match place {
        Place::Time(at_ms) => (at_ms, at_ms),
        Place::Character(_) => between(segment, (left, right), (&left_words, &right_words)),
    };
    let half = |text: &str, span: Range<u64>, mut words: Vec<Word>| {
        fit(&mut words, &span);
        Segment { start_ms: span.start, end_ms: span.end, text: text.to_owned(), words, ..segment.clone() }
    };
    let left = half(left, segment.start_ms..left_end, left_words);
    let right = half(right, right_start..segment.end_ms, right_words);
    (left.start_ms < left.end_ms && right.start_ms < right.end_ms).then_some((left, right))
}

/// The segment's words as its text has them, so that each is found in it.
fn timed(segment: &Segment) -> Vec<Word> {
    if segment.words.is_empty() {
        return Vec::new();
    }
    realign(&segment.words, &segment.text, &(segment.start_ms..segment.end_ms))
}

/// Where in the text a time lies: before the first word whose middle is later.
fn offset_at(segment: &Segment, words: &[Word], at_ms: u64) -> Option<usize> {
    if at_ms <= segment.start_ms || at_ms >= segment.end_ms {
        return None;
    }
    if words.is_empty() {
        return nearest_gap(&segment.text, at_ms - segment.start_ms, segment.end_ms - segment.start_ms);
    }
    let places = places(words, &segment.text);
    let later = words.iter().position(|word| word.start_ms.midpoint(word.end_ms) >= at_ms)?;
    places.get(later).map(|place| place.start)
}

/// The gap between words that is nearest to a share of the text.
fn nearest_gap(text: &str, part: u64, whole: u64) -> Option<usize> {
    let target = text.chars().count() as u64 * part / whole;
    let mut before: Option<char> = None;
    let mut gaps: Vec<(u64, usize)> = Vec::new();
    for (nth, (at, c)) in text.char_indices().enumerate() {
        let unspaced = before.is_some_and(is_unspaced) && c.is_alphanumeric();
        if before.is_some() && (c.is_whitespace() || unspaced) {
            gaps.push((target.abs_diff(nth as u64), at));
        }
        before = Some(c);
    }
    gaps.into_iter().min().map(|(_, at)| at)
}

/// Where each word stands in the text. Words are tokens of it, in order.
fn places(words: &[Word], text: &str) -> Vec<Range<usize>> {
    let mut from = 0;
    let found = words.iter().map_while(|word| {
        let start = from + text[from..].find(&word.text)?;
        from = start + word.text.len();
        Some(start..from)
    });
    found.collect()
}

/// The words on each side; one that stands across is cut in two.
fn part_words(words: Vec<Word>, text: &str, offset: usize) -> (Vec<Word>, Vec<Word>) {
    let places = places(&words, text);
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for (word, place) in words.into_iter().zip(places) {
        if place.end <= offset {
            left.push(word);
        } else if place.start >= offset {
            right.push(word);
        } else {
            let halves = [&text[place.start..offset], &text[offset..place.end]];
            let mut cut = spread(&halves, &(word.start_ms..word.end_ms)).into_iter();
            let with = |half: Word| Word { probability: word.probability, ..half };
            left.extend(cut.next().map(with));
            right.extend(cut.next().map(with));
        }
    }
    (left, right)
}

/// Where the left half ends and the right one starts: with their words, or by their lengths.
fn between(segment: &Segment, texts: (&str, &str), words: (&[Word], &[Word])) -> (u64, u64) {
    if let (Some(last), Some(first)) = (words.0.last(), words.1.first())
        && last.end_ms > segment.start_ms
        && first.start_ms < segment.end_ms
    {
        return (last.end_ms.min(segment.end_ms), first.start_ms.max(segment.start_ms));
    }
    let (left, right) = (texts.0.chars().count() as u64, texts.1.chars().count() as u64);
    let cut = segment.start_ms + (segment.end_ms - segment.start_ms) * left / (left + right);
    (cut, cut)
}

/// Both as one. Where one of them has words, both get them.
pub(super) fn join(first: &Segment, second: &Segment) -> Segment {
    let has_words = !first.words.is_empty() || !second.words.is_empty();
    let words_of = |segment: &Segment| match segment.words.as_slice() {
        [] if has_words => spread(&tokens(&segment.text), &(segment.start_ms..segment.end_ms)),
        words => words.to_vec(),
    };
    let weight = |segment: &Segment| (segment.end_ms - segment.start_ms).max(1);
    let (one, other) = (weight(first), weight(second));
    Segment {
        start_ms: first.start_ms.min(second.start_ms),
        end_ms: first.end_ms.max(second.end_ms),
        text: join_texts(first.text.trim(), second.text.trim()),
        language: first.language.filter(|_| first.language == second.language),
        avg_logprob: mean((first.avg_logprob, one), (second.avg_logprob, other)),
        no_speech_prob: mean((first.no_speech_prob, one), (second.no_speech_prob, other)),
        words: [words_of(first), words_of(second)].concat(),
        decoding: Decoding::default(),
        speaker: first.speaker.clone().or_else(|| second.speaker.clone()),
        index: first.index,
        channel: first.channel,
    }
}

fn join_texts(first: &str, second: &str) -> String {
    let mut text = first.to_owned();
    append_spoken(&mut text, second);
    text
}

#[expect(clippy::cast_precision_loss, reason = "a mean of estimates")]
fn mean((one, weight): (f32, u64), (other, other_weight): (f32, u64)) -> f32 {
    (one * weight as f32 + other * other_weight as f32) / (weight + other_weight) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str, start_ms: u64, end_ms: u64) -> Word {
        Word { start_ms, end_ms, text: text.to_owned(), probability: 0.5 }
    }

    fn segment(text: &str, words: Vec<Word>) -> Segment {
        Segment {
            index: 0,
            start_ms: 1_000,
            end_ms: 3_000,
            text: text.to_owned(),
            language: None,
            channel: None,
            avg_logprob: -0.5,
            no_speech_prob: 0.25,
            words,
            speaker: None,
            decoding: Decoding::default(),
        }
    }

    fn spoken() -> Segment {
        let words = vec![word("one", 1_100, 1_500), word("two,", 1_600, 1_900), word("three", 2_000, 2_900)];
        segment("one two, three", words)
    }

    fn shown(segment: &Segment) -> (&str, u64, u64, Vec<&str>) {
        let words = segment.words.iter().map(|word| word.text.as_str()).collect();
        (&segment.text, segment.start_ms, segment.end_ms, words)
    }

    #[test]
    fn a_segment_is_split_between_the_words_at_a_time() {
        let (left, right) = split(&spoken(), Place::Time(1_950)).unwrap();
        assert_eq!(shown(&left), ("one two,", 1_000, 1_950, vec!["one", "two,"]));
        assert_eq!(shown(&right), ("three", 1_950, 3_000, vec!["three"]));
        assert_eq!(right.words, spoken().words[2..]);
        for (at, left) in [(1_700, "one"), (1_750, "one"), (1_751, "one two,")] {
            assert_eq!(split(&spoken(), Place::Time(at)).unwrap().0.text, left, "{at}");
        }
        for at in [0, 1_000, 1_200, 2_800, 3_000, 9_000] {
            assert!(split(&spoken(), Place::Time(at)).is_none(), "{at}");
        }
    }

    #[test]
    fn a_segment_is_split_before_a_character() {
        let (left, right) = split(&spoken(), Place::Character(4)).unwrap();
        assert_eq!(shown(&left), ("one", 1_000, 1_500, vec!["one"]));
        assert_eq!(shown(&right), ("two, three", 1_600, 3_000, vec!["two,", "three"]));
        let (left, right) = split(&spoken(), Place::Character(11)).unwrap();
        assert_eq!(shown(&left), ("one two, th", 1_000, 2_360, vec!["one", "two,", "th"]));
        assert_eq!(shown(&right), ("ree", 2_360, 3_000, vec!["ree"]));
        for index in [0, 14, 99] {
            assert!(split(&spoken(), Place::Character(index)).is_none(), "{index}");
        }
    }

    #[test]
    fn without_words_the_text_tells_where() {
        let plain = segment("one two, three", vec![]);
        let (left, right) = split(&plain, Place::Time(2_000)).unwrap();
        assert_eq!(
            (shown(&left), shown(&right)),
            (("one two,", 1_000, 2_000, vec![]), ("three", 2_000, 3_000, vec![]))
        );
        let (left, right) = split(&plain, Place::Character(4)).unwrap();
        assert_eq!((left.end_ms, right.start_ms), (1_461, 1_461));
        assert!(split(&segment("alone", vec![]), Place::Time(2_000)).is_none());
        let (left, _) = split(&segment("你好世界", vec![]), Place::Time(2_100)).unwrap();
        assert_eq!(left.text, "你好");
    }

    #[test]
    fn two_segments_become_one() {
        let next =
            Segment { start_ms: 3_500, end_ms: 4_500, speaker: Some("Ana".to_owned()), ..segment("four.", vec![]) };
        let joined = join(&spoken(), &next);
        assert_eq!(shown(&joined), ("one two, three four.", 1_000, 4_500, vec!["one", "two,", "three", "four."]));
        assert_eq!((joined.words[3].start_ms, joined.words[3].end_ms), (3_500, 4_500));
        assert_eq!((joined.avg_logprob, joined.speaker.as_deref()), (-0.5, Some("Ana")));
        assert_eq!(join(&segment("你好", vec![]), &segment("世界", vec![])).text, "你好世界");
    }
}
