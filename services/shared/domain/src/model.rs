//! Names of models: the same word in the API, subjects, file names and the command line.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A model's name, such as `base`, `tiny.en` or `large-v3-turbo-q5_0`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelName(String);

/// How weights are packed for processors: in ggml's 4-bit blocks, with which the encoder takes a fifth less time than
/// with published weights, and the decoder less than half.
const QUICK_FORM: &str = "q4_k";

/// The text cannot name a model.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{text}` is not a model name: use up to 64 lower-case letters, digits, dots, dashes and underscores, such as \
     `base` or `large-v3-turbo`"
)]
pub struct ParseModelError {
    text: String,
}

impl ModelName {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as one token of a NATS subject, where a dot would separate tokens.
    pub fn subject_token(&self) -> String {
        self.0.replace('.', "~")
    }

    /// Models trained on English alone carry it in their name.
    pub fn is_english_only(&self) -> bool {
        self.0.split('-').next().is_some_and(|size| size.strip_suffix(".en").is_some())
    }

    /// The model with its weights packed for computing on processors. `None` for one that is packed already.
    pub fn quick_form(&self) -> Option<Self> {
        let is_packed = self.0.rsplit('-').next().is_some_and(|last| {
            last.strip_prefix('q').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        });
        format!("{}-{QUICK_FORM}", self.0).parse().ok().filter(|_| !is_packed)
    }

    /// The name of the model's weights file in the models folder.
    pub fn file_name(&self) -> String {
        format!("ggml-{}.bin", self.0)
    }
}

impl FromStr for ModelName {
    type Err = ParseModelError;

    fn from_str(text: &str) -> Result<Self, ParseModelError> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_".contains(c);
        let legal = (1..=64).contains(&text.len())
            && text.chars().all(allowed)
            && text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if legal { Ok(Self(text.to_owned())) } else { Err(ParseModelError { text: text.to_owned() }) }
    }
}

impl TryFrom<String> for ModelName {
    type Error = ParseModelError;

    fn try_from(text: String) -> Result<Self, ParseModelError> {
        text.parse()
    }
}

impl From<ModelName> for String {
    fn from(name: ModelName) -> Self {
        name.0
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_real_models_are_legal_and_safe_in_subjects_and_paths() {
        for name in ["base", "tiny.en", "large-v3-turbo-q5_0"] {
            let model: ModelName = name.parse().unwrap();
            assert!(!model.subject_token().contains('.'));
        }
        for name in ["", "../secret", "a/b", "Base", ".hidden", "a b", &"x".repeat(65)] {
            assert!(name.parse::<ModelName>().is_err(), "{name}");
        }
    }
}
