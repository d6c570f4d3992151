//! Find and replace: one text by another wherever it stands within a segment, letter by letter, with no patterns.

use regex::{NoExpand, Regex, RegexBuilder};

use super::operation::OperationError;

pub(super) const MAX_FIND_CHARS: usize = 500;

/// What is replaced by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Substitution {
    pub find: String,
    pub with: String,
    pub case: Case,
    pub words: Words,
}

/// Whether capital letters matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    Matters,
    Ignored,
}

/// Whether the text may be a part of a longer word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    Whole,
    Parts,
}

impl Substitution {
    /// Ready to be applied to many texts.
    pub(super) fn finder(&self) -> Result<Finder<'_>, OperationError> {
        if self.find.is_empty() || self.find.chars().count() > MAX_FIND_CHARS {
            return Err(OperationError::NothingToFind);
        }
        let literal = regex::escape(&self.find);
        let pattern = match self.words {
            Words::Whole => format!(r"\b{{start-half}}{literal}\b{{end-half}}"),
            Words::Parts => literal,
        };
        let pattern = RegexBuilder::new(&pattern).case_insensitive(self.case == Case::Ignored).build();
        Ok(Finder { pattern: pattern.map_err(|_| OperationError::NothingToFind)?, with: &self.with })
    }
}

pub(super) struct Finder<'a> {
    pattern: Regex,
    with: &'a str,
}

impl Finder<'_> {
    /// The text with its replacements and how many they are; `None` where there is nothing to replace.
    pub(super) fn apply(&self, text: &str) -> Option<(String, u32)> {
        let count = u32::try_from(self.pattern.find_iter(text).count()).unwrap_or(u32::MAX);
        (count > 0).then(|| (self.pattern.replace_all(text, NoExpand(self.with)).into_owned(), count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(text: &str, find: &str, case: Case, words: Words) -> Option<(String, u32)> {
        let substitution = Substitution { find: find.to_owned(), with: "$0X".to_owned(), case, words };
        substitution.finder().unwrap().apply(text)
    }

    #[test]
    fn texts_are_taken_letter_by_letter() {
        let found = |text: &str, count| Some((text.to_owned(), count));
        assert_eq!(applied("a.b axb a.b", "a.b", Case::Matters, Words::Parts), found("$0X axb $0X", 2));
        assert_eq!(applied("Año AÑO año", "año", Case::Ignored, Words::Parts), found("$0X $0X $0X", 3));
        assert_eq!(applied("Año AÑO año", "año", Case::Matters, Words::Parts), found("Año AÑO $0X", 1));
        assert_eq!(
            applied("cat concat cat's cats", "cat", Case::Matters, Words::Whole),
            found("$0X concat $0X's cats", 2)
        );
        assert_eq!(applied("C++ and C++11", "C++", Case::Matters, Words::Whole), found("$0X and C++11", 1));
        assert_eq!(applied("nothing", "x", Case::Ignored, Words::Parts), None);
    }

    #[test]
    fn nothing_and_far_too_much_cannot_be_looked_for() {
        for find in [String::new(), "x".repeat(MAX_FIND_CHARS + 1)] {
            let substitution = Substitution { find, with: String::new(), case: Case::Matters, words: Words::Parts };
            assert!(substitution.finder().is_err());
        }
    }
}
