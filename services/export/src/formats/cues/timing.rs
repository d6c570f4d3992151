//! Which moment of a segment belongs to which of its characters: by the words' own times where they still fit the
//! text, or else evenly. A segment whose text was edited keeps its old words, which then say nothing about it.

use escriba_domain::Segment;

/// Characters that are spoken over a time.
struct Span {
    chars: usize,
    start_ms: u64,
    end_ms: u64,
}

/// The visible characters of a segment, laid over its time.
pub(super) struct Speech {
    spans: Vec<Span>,
    start_ms: u64,
    end_ms: u64,
    chars: usize,
}

/// How many characters of the lines are spoken; spaces are not.
pub(super) fn spoken_chars(lines: &[String]) -> usize {
    lines.iter().map(|line| visible(line).count()).sum()
}

fn visible(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| !(c.is_whitespace() || c.is_control() || *c == '\u{feff}'))
}

impl Speech {
    /// `lines` are the segment's text as it will be shown.
    pub(super) fn of(segment: &Segment, lines: &[String]) -> Self {
        let (start_ms, end_ms) = (segment.start_ms, segment.end_ms.max(segment.start_ms));
        let chars = spoken_chars(lines);
        let shown = lines.iter().flat_map(|line| visible(line));
        let said = segment.words.iter().flat_map(|word| visible(&word.text));
        let spans = if shown.eq(said) {
            let within = |ms: u64| ms.clamp(start_ms, end_ms);
            let span = |word: &escriba_domain::Word| Span {
                chars: visible(&word.text).count(),
                start_ms: within(word.start_ms),
                end_ms: within(word.end_ms.max(word.start_ms)),
            };
            segment.words.iter().map(span).collect()
        } else {
            vec![Span { chars, start_ms, end_ms }]
        };
        Self { spans, start_ms, end_ms, chars }
    }

    /// When the character with this number, counted from 0, begins. The first begins with the segment.
    pub(super) fn start_of(&self, index: usize) -> u64 {
        if index == 0 {
            return self.start_ms;
        }
        let mut before = 0;
        for span in &self.spans {
            if index < before + span.chars {
                return span.after(index - before);
            }
            before += span.chars;
        }
        self.end_ms
    }

    /// When the first `count` characters have been said. The last ends with the segment.
    pub(super) fn end_of(&self, count: usize) -> u64 {
        if count >= self.chars {
            return self.end_ms;
        }
        let mut before = 0;
        for span in &self.spans {
            if count <= before + span.chars {
                return span.after(count - before);
            }
            before += span.chars;
        }
        self.end_ms
    }
}

impl Span {
    /// When `count` of the span's characters have been said, were each to take equally long.
    fn after(&self, count: usize) -> u64 {
        let length = u128::from(self.end_ms - self.start_ms);
        let share = length * count as u128 / self.chars.max(1) as u128;
        self.start_ms + u64::try_from(share).unwrap_or(u64::MAX - self.start_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::samples::{segment, word};

    fn lines(text: &str) -> Vec<String> {
        vec![text.to_owned()]
    }

    #[test]
    fn without_words_time_is_spread_evenly() {
        let speech = Speech::of(&segment(1000, 2000, "ab cd"), &lines("ab cd"));
        assert_eq!([0, 1, 2, 3].map(|i| speech.start_of(i)), [1000, 1250, 1500, 1750]);
        assert_eq!([1, 4].map(|count| speech.end_of(count)), [1250, 2000]);
    }

    #[test]
    fn words_times_are_used_and_a_pause_is_left_out() {
        let mut paused = segment(0, 5000, "ab cd");
        paused.words = vec![word(100, 500, " ab"), word(3000, 4000, " cd")];
        let speech = Speech::of(&paused, &lines("ab cd"));
        assert_eq!((speech.start_of(0), speech.end_of(2)), (0, 500));
        assert_eq!((speech.start_of(2), speech.start_of(3)), (3000, 3500));
        assert_eq!(speech.end_of(4), 5000);
    }

    #[test]
    fn words_that_no_longer_fit_the_text_are_ignored() {
        let mut edited = segment(0, 4000, "abcd");
        edited.words = vec![word(3000, 4000, " cd")];
        assert_eq!(Speech::of(&edited, &lines("abcd")).start_of(2), 2000);
    }

    #[test]
    fn impossible_times_stay_within_the_segment() {
        let mut odd = segment(5000, 1000, "ab");
        odd.words = vec![word(9000, 2, "a"), word(0, u64::MAX, "b")];
        let speech = Speech::of(&odd, &lines("ab"));
        assert_eq!((speech.start_of(1), speech.end_of(1), speech.end_of(2)), (5000, 5000, 5000));
    }
}
