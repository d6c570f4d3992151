//! Comparing what was said with what was heard, as a listener would: by words, whatever the punctuation.

/// The words of a text in lower case, without punctuation.
pub fn words(text: &str) -> Vec<String> {
    let plain: String = text
        .chars()
        .filter(|c| *c != '\'' && *c != '’')
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .flat_map(char::to_lowercase)
        .collect();
    plain.split_whitespace().map(str::to_owned).collect()
}

/// How many words are wrong, missing or too many.
pub fn wrong_words(heard: &str, said: &str) -> usize {
    strsim::generic_levenshtein(&words(heard), &words(said))
}

/// Fails if any word is wrong, missing or too many.
#[track_caller]
pub fn assert_same_words(heard: &str, said: &str, what: &str) {
    assert_eq!(words(heard).join(" "), words(said).join(" "), "{what}");
}

/// Fails unless all that was heard is what was said at first, and at least `least` words of it. The last word may have
/// been cut through.
#[track_caller]
pub fn assert_begins_like(heard: &str, said: &str, least: usize, what: &str) {
    let (heard, said) = (words(heard), words(said));
    let sure = &heard[..heard.len().saturating_sub(1)];
    assert!(said.starts_with(sure), "{what}: heard {heard:?}");
    assert!(heard.len() >= least && heard.len() < said.len(), "{what}: heard {heard:?}");
}

/// A line that is found again in long output.
pub fn heading(text: &str) -> String {
    format!("----- {text} -----")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn punctuation_and_case_do_not_count() {
        assert_same_words("Después, usted puede: leer…", "después usted puede leer", "");
        assert_eq!(words("It's 8-track!"), ["its", "8", "track"]);
    }

    #[test]
    fn wrong_words_are_counted() {
        assert_eq!(wrong_words("One tow three.", "one, two, three"), 1);
        assert_eq!(wrong_words("one three four", "one two three"), 2);
    }

    #[test]
    fn a_beginning_may_end_in_half_a_word() {
        assert_begins_like("one two thr", "One, two, three, four.", 3, "");
    }

    #[test]
    #[should_panic(expected = "one tow")]
    fn a_wrong_word_counts() {
        assert_same_words("one tow", "one two", "");
    }
}
