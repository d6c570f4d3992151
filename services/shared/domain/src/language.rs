//! The languages Whisper knows, by their codes.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de::Error};

/// Whisper's codes in the order of its language tokens (source: OpenAI's `tokenizer.py`): ISO 639-1, and
/// `haw`, `jw` (Javanese) and `yue` where that has none or Whisper's differs.
const CODES: [&str; 100] = [
    "en", "zh", "de", "es", "ru", "ko", "fr", "ja", "pt", "tr", "pl", "ca", "nl", "ar", "sv", "it", "id", "hi", "fi",
    "vi", "he", "uk", "el", "ms", "cs", "ro", "da", "hu", "ta", "no", "th", "ur", "hr", "bg", "lt", "la", "mi", "ml",
    "cy", "sk", "te", "fa", "lv", "bn", "sr", "az", "sl", "kn", "et", "mk", "br", "eu", "is", "hy", "ne", "mn", "bs",
    "kk", "sq", "sw", "gl", "mr", "pa", "si", "km", "sn", "yo", "so", "af", "oc", "ka", "be", "tg", "sd", "gu", "am",
    "yi", "lo", "uz", "fo", "ht", "ps", "tk", "nn", "mt", "sa", "lb", "my", "bo", "tl", "mg", "as", "tt", "haw", "ln",
    "ha", "ba", "jw", "su", "yue",
];

/// What each is called in English, in the same order and by the same source.
const NAMES: [&str; 100] = [
    "english",
    "chinese",
    "german",
    "spanish",
    "russian",
    "korean",
    "french",
    "japanese",
    "portuguese",
    "turkish",
    "polish",
    "catalan",
    "dutch",
    "arabic",
    "swedish",
    "italian",
    "indonesian",
    "hindi",
    "finnish",
    "vietnamese",
    "hebrew",
    "ukrainian",
    "greek",
    "malay",
    "czech",
    "romanian",
    "danish",
    "hungarian",
    "tamil",
    "norwegian",
    "thai",
    "urdu",
    "croatian",
    "bulgarian",
    "lithuanian",
    "latin",
    "maori",
    "malayalam",
    "welsh",
    "slovak",
    "telugu",
    "persian",
    "latvian",
    "bengali",
    "serbian",
    "azerbaijani",
    "slovenian",
    "kannada",
    "estonian",
    "macedonian",
    "breton",
    "basque",
    "icelandic",
    "armenian",
    "nepali",
    "mongolian",
    "bosnian",
    "kazakh",
    "albanian",
    "swahili",
    "galician",
    "marathi",
    "punjabi",
    "sinhala",
    "khmer",
    "shona",
    "yoruba",
    "somali",
    "afrikaans",
    "occitan",
    "georgian",
    "belarusian",
    "tajik",
    "sindhi",
    "gujarati",
    "amharic",
    "yiddish",
    "lao",
    "uzbek",
    "faroese",
    "haitian creole",
    "pashto",
    "turkmen",
    "nynorsk",
    "maltese",
    "sanskrit",
    "luxembourgish",
    "myanmar",
    "tibetan",
    "tagalog",
    "malagasy",
    "assamese",
    "tatar",
    "hawaiian",
    "lingala",
    "hausa",
    "bashkir",
    "javanese",
    "sundanese",
    "cantonese",
];

/// A language Whisper can transcribe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Language(&'static str);

/// The text is no language code.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is not a known language: use an ISO 639-1 code such as `en`, `es` or `de`, or `auto` to detect it")]
pub struct ParseLanguageError {
    text: String,
}

impl Language {
    pub const ENGLISH: Self = Self("en");

    /// Every language, in the order of Whisper's language tokens.
    pub fn all() -> impl Iterator<Item = Self> {
        CODES.iter().map(|code| Self(code))
    }

    pub fn code(self) -> &'static str {
        self.0
    }

    /// Its English name in lower case, such as `spanish`.
    pub fn english_name(self) -> &'static str {
        CODES.iter().zip(NAMES).find(|&(&code, _)| code == self.0).map_or("", |(_, name)| name)
    }
}

impl FromStr for Language {
    type Err = ParseLanguageError;

    fn from_str(text: &str) -> Result<Self, ParseLanguageError> {
        let lower = text.to_ascii_lowercase();
        CODES
            .iter()
            .find(|&&code| code == lower)
            .map(|code| Self(code))
            .ok_or_else(|| ParseLanguageError { text: text.to_owned() })
    }
}

impl<'de> Deserialize<'de> for Language {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back_whatever_their_case() {
        assert_eq!("ES".parse::<Language>().unwrap().code(), "es");
        assert!("klingon".parse::<Language>().is_err());
        assert!("auto".parse::<Language>().is_err());
    }

    #[test]
    fn each_language_has_its_own_english_name() {
        let name = |code: &str| code.parse::<Language>().unwrap().english_name();
        let known =
            [("en", "english"), ("pa", "punjabi"), ("ka", "georgian"), ("haw", "hawaiian"), ("yue", "cantonese")];
        for (code, english) in known {
            assert_eq!(name(code), english);
        }
        let names: std::collections::BTreeSet<_> = Language::all().map(Language::english_name).collect();
        assert_eq!(names.len(), CODES.len());
    }
}
