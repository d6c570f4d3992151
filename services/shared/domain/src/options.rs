//! What the sender of a recording may ask for.

use serde::{Deserialize, Serialize};

use crate::{audio_track::AudioTrack, job::states, language::Language, model::ModelName};

/// A longer prompt than the model's context has room for would be cut silently, so it is refused.
pub const MAX_PROMPT_CHARS: usize = 800;
/// A longer hotword is no word or name.
pub const MAX_HOTWORD_CHARS: usize = 80;

states! {
    /// What the text should be.
    Task {
        /// Text in the language spoken.
        Transcribe = "transcribe",
        /// Text in English, whatever is spoken.
        Translate = "translate",
    }
}

states! {
    /// Which queue a job waits in.
    Lane {
        /// Somebody waits for it.
        Interactive = "interactive",
        /// Nobody does.
        Batch = "batch",
    }
}

states! {
    /// What becomes of a recording's channels.
    Channels {
        /// They are heard as one.
        Mix = "mix",
        /// Each is transcribed on its own, and the texts are merged by time.
        Separate = "separate",
    }
}

/// The options of one job, fixed when it is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobOptions {
    /// `None`: detect it.
    pub language: Option<Language>,
    /// The languages to choose from when it is detected. Empty: all.
    pub languages: Vec<Language>,
    /// Detect the language anew in each window, for recordings that change it.
    pub multilingual: bool,
    pub task: Task,
    pub model: ModelName,
    pub lane: Lane,
    /// Names and terms the model should expect, with the hotwords at most [`MAX_PROMPT_CHARS`] characters.
    pub prompt: Option<String>,
    /// Words the model should expect in every window, each of at most [`MAX_HOTWORD_CHARS`] characters.
    pub hotwords: Vec<String>,
    pub channels: Channels,
    /// The audio track asked for; `None`: the one most likely meant.
    pub audio_track: Option<AudioTrack>,
    pub word_timestamps: bool,
}

/// The words of a list as people write it: separated by commas or line breaks.
pub fn split_hotwords(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', '\n', '\r']).map(str::trim).filter(|word| !word.is_empty())
}

/// The characters that a prompt and hotwords have together: at most [`MAX_PROMPT_CHARS`] are taken.
pub fn hint_chars(prompt: Option<&str>, hotwords: &[String]) -> usize {
    prompt.into_iter().chain(hotwords.iter().map(String::as_str)).map(|text| text.chars().count()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hotwords_are_separated_by_commas_and_lines() {
        let words: Vec<_> = split_hotwords(" Escriba, Jet Stream\r\nTraefik,,\n").collect();
        assert_eq!(words, ["Escriba", "Jet Stream", "Traefik"]);
        assert_eq!(split_hotwords(" , \n").next(), None);
    }

    #[test]
    fn hints_are_counted_in_characters() {
        assert_eq!(hint_chars(None, &[]), 0);
        assert_eq!(hint_chars(Some("año"), &["ñu".to_owned(), "b".to_owned()]), 6);
    }
}
