//! What callers write on a job for their own use: a title, tags and metadata. Nothing here changes what is recognised.

use std::collections::BTreeMap;

pub const MAX_TITLE_CHARS: usize = 200;
pub const MAX_TAGS: usize = 32;
pub const MAX_TAG_CHARS: usize = 64;
pub const MAX_METADATA_KEYS: usize = 16;
pub const MAX_METADATA_KEY_CHARS: usize = 64;
pub const MAX_METADATA_VALUE_CHARS: usize = 1_000;

/// What is written on a job. Make one of what a caller sent with [`Labels::set_title`] and the like, then
/// [`Labels::check`] it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    pub title: Option<String>,
    /// Each once, in the order given.
    pub tags: Vec<String>,
    pub metadata: BTreeMap<String, String>,
}

/// A limit that labels go over.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LabelError {
    #[error("The title has {chars} characters; at most {MAX_TITLE_CHARS} are taken.")]
    TitleTooLong { chars: usize },
    #[error("The title has control characters or line breaks. Send it without them.")]
    TitleUnprintable,
    #[error("The job would have {count} tags; at most {MAX_TAGS} are taken.")]
    TooManyTags { count: usize },
    #[error("A tag has {chars} characters; each may have 1 to {MAX_TAG_CHARS}.")]
    TagLength { chars: usize },
    #[error("The tag `{0}` has a comma or a control character. Commas separate tags.")]
    TagCharacter(String),
    #[error("The metadata would have {count} keys; at most {MAX_METADATA_KEYS} are taken.")]
    TooManyKeys { count: usize },
    #[error("A key of the metadata has {chars} characters; each may have 1 to {MAX_METADATA_KEY_CHARS}.")]
    KeyLength { chars: usize },
    #[error("The metadata's value of `{key}` has {chars} characters; at most {MAX_METADATA_VALUE_CHARS} are taken.")]
    ValueTooLong { key: String, chars: usize },
    #[error("The metadata has a character that cannot be stored, U+0000. Send it without.")]
    Unstorable,
}

impl LabelError {
    /// What programs know it by.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TitleTooLong { .. } | Self::TitleUnprintable => "title_invalid",
            Self::TooManyTags { .. } | Self::TagLength { .. } | Self::TagCharacter(_) => "tags_invalid",
            Self::TooManyKeys { .. } | Self::KeyLength { .. } | Self::ValueTooLong { .. } | Self::Unstorable => {
                "metadata_invalid"
            }
        }
    }
}

impl Labels {
    /// Blanks around it do not count, and an empty title is none.
    pub fn set_title(&mut self, title: &str) {
        let title = title.trim();
        self.title = (!title.is_empty()).then(|| title.to_owned());
    }

    /// Blanks around a tag do not count, and one that is there already is not added.
    pub fn add_tag(&mut self, tag: &str) {
        let tag = tag.trim();
        if !self.tags.iter().any(|known| known == tag) {
            self.tags.push(tag.to_owned());
        }
    }

    /// Says what is too long or too much.
    pub fn check(&self) -> Result<(), LabelError> {
        self.check_title()?;
        self.check_tags()?;
        self.check_metadata()
    }

    fn check_title(&self) -> Result<(), LabelError> {
        let title = self.title.as_deref().unwrap_or_default();
        let chars = title.chars().count();
        if chars > MAX_TITLE_CHARS {
            return Err(LabelError::TitleTooLong { chars });
        }
        if title.chars().any(char::is_control) { Err(LabelError::TitleUnprintable) } else { Ok(()) }
    }

    fn check_tags(&self) -> Result<(), LabelError> {
        if self.tags.len() > MAX_TAGS {
            return Err(LabelError::TooManyTags { count: self.tags.len() });
        }
        for tag in &self.tags {
            let chars = tag.chars().count();
            if !(1..=MAX_TAG_CHARS).contains(&chars) {
                return Err(LabelError::TagLength { chars });
            }
            if tag.chars().any(|c| c == ',' || c.is_control()) {
                return Err(LabelError::TagCharacter(tag.chars().filter(|c| !c.is_control()).collect()));
            }
        }
        Ok(())
    }

    fn check_metadata(&self) -> Result<(), LabelError> {
        if self.metadata.len() > MAX_METADATA_KEYS {
            return Err(LabelError::TooManyKeys { count: self.metadata.len() });
        }
        for (key, value) in &self.metadata {
            let chars = key.chars().count();
            if !(1..=MAX_METADATA_KEY_CHARS).contains(&chars) {
                return Err(LabelError::KeyLength { chars });
            }
            let chars = value.chars().count();
            if chars > MAX_METADATA_VALUE_CHARS {
                return Err(LabelError::ValueTooLong { key: key.clone(), chars });
            }
            if key.contains('\0') || value.contains('\0') {
                return Err(LabelError::Unstorable);
            }
        }
        Ok(())
    }
}

/// The tags of a list as people write it: separated by commas. Empty ones are left out.
pub fn split_tags(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|tag| !tag.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titled(title: &str) -> Labels {
        let mut labels = Labels::default();
        labels.set_title(title);
        labels
    }

    fn tagged(tags: impl IntoIterator<Item = String>) -> Labels {
        let mut labels = Labels::default();
        tags.into_iter().for_each(|tag| labels.add_tag(&tag));
        labels
    }

    fn noted(key: String, value: String) -> Labels {
        Labels { metadata: BTreeMap::from([(key, value)]), ..Labels::default() }
    }

    #[test]
    fn limits_are_counted_in_characters_and_told() {
        assert_eq!(titled(&"ñ".repeat(200)).check(), Ok(()));
        assert_eq!(titled(&"ñ".repeat(201)).check(), Err(LabelError::TitleTooLong { chars: 201 }));
        assert_eq!(titled("two\nlines").check(), Err(LabelError::TitleUnprintable));
        assert_eq!(titled(" \n").title, None);

        assert_eq!(tagged((0..32).map(|n| format!("tag {n}"))).check(), Ok(()));
        assert_eq!(tagged((0..33).map(|n| format!("tag {n}"))).check(), Err(LabelError::TooManyTags { count: 33 }));
        assert_eq!(tagged(["語".repeat(64)]).check(), Ok(()));
        assert_eq!(tagged(["語".repeat(65)]).check(), Err(LabelError::TagLength { chars: 65 }));
        assert_eq!(tagged([" ".to_owned()]).check(), Err(LabelError::TagLength { chars: 0 }));
        assert_eq!(tagged(["a,b".to_owned()]).check(), Err(LabelError::TagCharacter("a,b".to_owned())));

        assert_eq!(noted("k".repeat(64), "v".repeat(1_000)).check(), Ok(()));
        assert_eq!(noted(String::new(), String::new()).check(), Err(LabelError::KeyLength { chars: 0 }));
        assert_eq!(noted("k".repeat(65), String::new()).check(), Err(LabelError::KeyLength { chars: 65 }));
        let long = LabelError::ValueTooLong { key: "k".to_owned(), chars: 1_001 };
        assert_eq!(noted("k".to_owned(), "v".repeat(1_001)).check(), Err(long));
        assert_eq!(noted("k".to_owned(), "\0".to_owned()).check(), Err(LabelError::Unstorable));
        let many = (0..17).map(|n| (n.to_string(), String::new())).collect();
        let many = Labels { metadata: many, ..Labels::default() };
        assert_eq!(many.check(), Err(LabelError::TooManyKeys { count: 17 }));
    }

    #[test]
    fn a_tag_stands_once() {
        assert_eq!(tagged(["a", " a ", "b"].map(str::to_owned)).tags, ["a", "b"]);
        assert_eq!(split_tags(" a, b c,,").collect::<Vec<_>>(), ["a", "b c"]);
    }
}
