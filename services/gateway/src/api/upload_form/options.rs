//! The form's options by name, read into the words of the domain. Whether they fit together is `check_options`'s to
//! say.

use std::fmt::Display;

use escriba_domain::{Channels, JobOptions, Lane, Language, ParseLanguageError, Task, split_hotwords};

use super::super::problem::{Failure, invalid};
use crate::app::App;

/// What is done for a form without options.
pub(in crate::api) fn defaults(app: &App) -> JobOptions {
    JobOptions {
        language: None,
        languages: Vec::new(),
        multilingual: false,
        task: Task::Transcribe,
        model: app.models[0].clone(),
        lane: Lane::Interactive,
        prompt: None,
        hotwords: Vec::new(),
        channels: Channels::Mix,
        audio_track: None,
        word_timestamps: false,
    }
}

/// Takes in one part of the form. `languages` and `hotwords` may come several times, and add up.
pub(super) fn set(options: &mut JobOptions, name: &str, text: &str) -> Result<(), Failure> {
    let value = text.trim();
    match name {
        "language" if matches!(value, "" | "auto") => options.language = None,
        "language" => options.language = Some(value.parse().map_err(|error| wrong(name, error))?),
        "languages" => add_languages(&mut options.languages, value)?,
        "multilingual" => options.multilingual = truth(name, value)?,
        "task" => options.task = value.parse().map_err(|error| wrong(name, error))?,
        "model" => options.model = value.parse().map_err(|error| wrong(name, error))?,
        "lane" => options.lane = value.parse().map_err(|error| wrong(name, error))?,
        "prompt" => options.prompt = (!value.is_empty()).then(|| value.to_owned()),
        "hotwords" => add_hotwords(&mut options.hotwords, value),
        "channels" => options.channels = value.parse().map_err(|error| wrong(name, error))?,
        "audio_track" if value.is_empty() => options.audio_track = None,
        "audio_track" => options.audio_track = Some(value.parse().map_err(|error| wrong(name, error))?),
        "word_timestamps" => options.word_timestamps = truth(name, value)?,
        _ => {
            let detail = format!(
                "The form's part `{name}` is unknown. Known are media, language, languages, multilingual, task, model, \
                 lane, prompt, hotwords, channels, audio_track, word_timestamps, title, tags and metadata."
            );
            return Err(invalid("option_unknown", &detail));
        }
    }
    Ok(())
}

fn add_languages(languages: &mut Vec<Language>, list: &str) -> Result<(), Failure> {
    for code in list.split(',').map(str::trim).filter(|code| !code.is_empty()) {
        let language = code.parse().map_err(|_: ParseLanguageError| {
            let why = format!("`{code}` is not a known language: use ISO 639-1 codes, as in `en,es,de`");
            wrong("languages", why)
        })?;
        if !languages.contains(&language) {
            languages.push(language);
        }
    }
    Ok(())
}

fn add_hotwords(hotwords: &mut Vec<String>, list: &str) {
    for word in split_hotwords(list) {
        if !hotwords.iter().any(|known| known == word) {
            hotwords.push(word.to_owned());
        }
    }
}

/// Python writes `True`.
fn truth(name: &str, value: &str) -> Result<bool, Failure> {
    value.to_ascii_lowercase().parse().map_err(|_| wrong(name, "use `true` or `false`"))
}

fn wrong(name: &str, why: impl Display) -> Failure {
    invalid("option_invalid", &format!("The option `{name}` is wrong: {why}."))
}
