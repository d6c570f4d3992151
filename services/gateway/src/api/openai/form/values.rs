//! The values of a form's parts, each for itself.

use std::fmt::Display;

use escriba_domain::{Language, ParseLanguageError};
use serde::Deserialize;

use super::{Granularity, Refusal};

/// How OpenAI's own search for speech can be tuned. Escriba's cannot, so it is checked and goes no further.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum ChunkingStrategy {
    ServerVad {
        #[serde(default)]
        prefix_padding_ms: Option<f64>,
        #[serde(default)]
        silence_duration_ms: Option<f64>,
        #[serde(default)]
        threshold: Option<f64>,
    },
}

/// `name[key]` in its two parts. Some programs number the items of a list, which is no key.
pub(super) fn split(name: &str) -> (&str, Option<&str>) {
    let parts = name.split_once('[').and_then(|(base, rest)| Some((base, rest.strip_suffix(']')?)));
    parts.map_or((name, None), |(base, key)| {
        let is_number = key.bytes().all(|byte| byte.is_ascii_digit());
        (base, Some(if is_number { "" } else { key }))
    })
}

pub(super) fn language(name: &str, value: &str) -> Result<Language, Refusal> {
    value.parse().map_err(|_: ParseLanguageError| {
        wrong(name, format_args!("`{value}` is not a known language: use an ISO 639-1 code such as `en` or `es`"))
    })
}

pub(super) fn granularity(value: &str) -> Result<Granularity, Refusal> {
    match value {
        "word" => Ok(Granularity::Word),
        "segment" => Ok(Granularity::Segment),
        _ => Err(wrong("timestamp_granularities", "use word, segment or both")),
    }
}

/// Whisper starts at 0 here and tries more where that gives a poor text, which is what OpenAI does at 0.
pub(super) fn check_temperature(value: &str) -> Result<(), Refusal> {
    match value.parse::<f64>() {
        Ok(temperature) if (0.0..=1.0).contains(&temperature) => Ok(()),
        _ => Err(wrong("temperature", "use a number from 0 to 1")),
    }
}

pub(super) fn truth(name: &str, value: &str) -> Result<bool, Refusal> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        // How null is written in a form.
        "false" | "null" | "" => Ok(false),
        _ => Err(wrong(name, "use true or false")),
    }
}

pub(super) fn check_strategy(value: &str) -> Result<(), Refusal> {
    if matches!(value, "auto" | "null" | "") {
        return Ok(());
    }
    let ChunkingStrategy::ServerVad { prefix_padding_ms, silence_duration_ms, threshold } = serde_json::from_str(value)
        .map_err(|error| {
            let why = format!("use auto or an object of the type server_vad ({error})");
            wrong("chunking_strategy", why)
        })?;
    let in_range = |value: Option<f64>, most: f64| value.is_none_or(|value| (0.0..=most).contains(&value));
    if in_range(threshold, 1.0) && in_range(prefix_padding_ms, f64::MAX) && in_range(silence_duration_ms, f64::MAX) {
        Ok(())
    } else {
        Err(wrong("chunking_strategy", "no time in it is negative, and the threshold is a number from 0 to 1"))
    }
}

/// One member of the object.
pub(super) fn check_strategy_part(key: &str, value: &str) -> Result<(), Refusal> {
    if key == "type" {
        return check_strategy(&format!(r#"{{"type":{}}}"#, serde_json::json!(value)));
    }
    let number =
        value.parse::<f64>().map_err(|_| wrong("chunking_strategy", format_args!("its `{key}` is not a number")))?;
    check_strategy(&serde_json::json!({ "type": "server_vad", key: number }).to_string())
}

/// The last `room` characters, from the start of a word: Whisper hears what comes right before the most.
pub(super) fn end_of(text: &str, room: usize) -> &str {
    let Some(surplus) = text.chars().count().checked_sub(room).filter(|&surplus| surplus > 0) else { return text };
    let (from, _) = text.char_indices().nth(surplus).unwrap_or((text.len(), ' '));
    let is_whole = text[..from].ends_with(char::is_whitespace);
    let end = &text[from..];
    let next_word = end.find(char::is_whitespace).filter(|_| !is_whole).unwrap_or(0);
    end[next_word..].trim_start()
}

pub(super) fn wrong(name: &str, why: impl Display) -> Refusal {
    Refusal::invalid(name, &format!("The parameter `{name}` is wrong: {why}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_lists_and_members_are_taken_apart() {
        assert_eq!(split("languages"), ("languages", None));
        assert_eq!(split("languages[]"), ("languages", Some("")));
        assert_eq!(split("languages[12]"), ("languages", Some("")));
        assert_eq!(split("chunking_strategy[type]"), ("chunking_strategy", Some("type")));
        assert_eq!(split("odd[name"), ("odd[name", None));
    }

    #[test]
    fn a_prompt_keeps_its_end_and_whole_words() {
        assert_eq!(end_of("one two three", 80), "one two three");
        assert_eq!(end_of("one two three", 9), "two three");
        assert_eq!(end_of("one two three", 8), "three");
        assert_eq!(end_of("añoañoaño", 4), "oaño");
        assert_eq!(end_of("one", 0), "");
    }

    #[test]
    fn strategies_are_checked_as_a_whole_and_in_parts() {
        let vad = r#"{"type":"server_vad","threshold":0.5,"prefix_padding_ms":300,"silence_duration_ms":200}"#;
        for good in ["auto", "null", "", vad, r#"{"type":"server_vad"}"#] {
            assert!(check_strategy(good).is_ok(), "{good}");
        }
        for bad in ["always", "{}", r#"{"type":"none"}"#, r#"{"type":"server_vad","threshold":2}"#, r#"["auto"]"#] {
            assert!(check_strategy(bad).is_err(), "{bad}");
        }
        for (key, value) in [("type", "server_vad"), ("threshold", "0.5"), ("silence_duration_ms", "200")] {
            assert!(check_strategy_part(key, value).is_ok(), "{key}");
        }
        for (key, value) in [("type", "client_vad"), ("threshold", "loud"), ("pace", "1"), ("threshold", "-1")] {
            assert!(check_strategy_part(key, value).is_err(), "{key}");
        }
    }
}
