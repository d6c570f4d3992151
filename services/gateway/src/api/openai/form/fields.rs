//! A form's parts by name, read into the words of the domain, and what they ask for together. Lists come as `name[]`, as
//! programs of OpenAI's send them, or as bare `name`; objects as JSON or as `name[key]`.

use escriba_domain::{Channels, JobOptions, Language, MAX_PROMPT_CHARS, ModelName, Task, hint_chars};

use super::{
    Refusal, missing,
    values::{
        check_strategy, check_strategy_part, check_temperature, end_of, granularity, language, split, truth, wrong,
    },
};
use crate::{
    api::{openai::models, upload_form},
    app::{
        App,
        room::RoomError,
        submit_job::{SubmitError, check_options},
    },
};

/// As many voices as OpenAI takes.
const MAX_SPEAKERS: usize = 4;
const OF_TRANSCRIPTIONS: &str = "file, model, language, languages, keywords, prompt, temperature, response_format, \
                                 timestamp_granularities, include, stream, chunking_strategy, known_speaker_names and \
                                 known_speaker_references";
const OF_TRANSLATIONS: &str = "file, model, language, prompt, temperature and response_format";

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api::openai) enum ResponseFormat {
    Json,
    Text,
    Srt,
    VerboseJson,
    Vtt,
    DiarizedJson,
}

/// What has times of its own in `verbose_json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api::openai) enum Granularity {
    Word,
    Segment,
}

/// What is wanted of the recording.
#[derive(Debug, Clone)]
pub(in crate::api::openai) struct Wanted {
    pub(in crate::api::openai) options: JobOptions,
    pub(in crate::api::openai) format: ResponseFormat,
    /// Never empty.
    pub(in crate::api::openai) granularities: Vec<Granularity>,
    pub(in crate::api::openai) logprobs: bool,
    pub(in crate::api::openai) stream: bool,
}

/// The parts that were read so far.
pub(super) struct Fields {
    task: Task,
    model: Option<ModelName>,
    language: Option<Language>,
    languages: Vec<Language>,
    keywords: Vec<String>,
    prompt: String,
    format: ResponseFormat,
    granularities: Vec<Granularity>,
    logprobs: bool,
    stream: bool,
    speakers: usize,
    samples: usize,
}

impl Fields {
    pub(super) const fn new(task: Task) -> Self {
        Self {
            task,
            model: None,
            language: None,
            languages: Vec::new(),
            keywords: Vec::new(),
            prompt: String::new(),
            format: ResponseFormat::Json,
            granularities: Vec::new(),
            logprobs: false,
            stream: false,
            speakers: 0,
            samples: 0,
        }
    }

    /// Takes in one part. Lists add up.
    pub(super) fn set(&mut self, app: &App, name: &str, value: &str) -> Result<(), Refusal> {
        let (base, key) = split(name);
        match (base, key) {
            ("model", None) => self.model = Some(models::resolve(app, value)?),
            ("language", None) if matches!(value, "" | "auto") => self.language = None,
            ("language", None) => self.language = Some(language(base, value)?),
            ("prompt", None) => value.clone_into(&mut self.prompt),
            ("temperature", None) => check_temperature(value)?,
            ("response_format", None) => self.format = self.format_named(value)?,
            _ if self.task == Task::Translate => return Err(unknown(name, OF_TRANSLATIONS)),
            ("languages", Some("") | None) => add(&mut self.languages, language(base, value)?),
            ("keywords", Some("") | None) if value.is_empty() => {}
            ("keywords", Some("") | None) => add(&mut self.keywords, value.to_owned()),
            ("timestamp_granularities", Some("") | None) => add(&mut self.granularities, granularity(value)?),
            ("include", Some("") | None) if value == "logprobs" => self.logprobs = true,
            ("include", Some("") | None) => return Err(wrong(base, "use logprobs")),
            ("stream", None) => self.stream = truth(base, value)?,
            ("chunking_strategy", None) => check_strategy(value)?,
            ("chunking_strategy", Some(key)) => check_strategy_part(key, value)?,
            ("known_speaker_names", Some("") | None) => self.speakers += 1,
            ("known_speaker_references", Some("") | None) if value.starts_with("data:") => self.samples += 1,
            ("known_speaker_references", Some("") | None) => return Err(wrong(base, "send samples as data URLs")),
            _ => return Err(unknown(name, OF_TRANSCRIPTIONS)),
        }
        Ok(())
    }

    /// What all parts together ask for.
    pub(super) fn wanted(self, app: &App) -> Result<Wanted, Refusal> {
        let Some(model) = self.model else {
            return Err(missing("model", "Name one of those that /v1/models lists, such as whisper-1."));
        };
        if self.speakers != self.samples || self.speakers > MAX_SPEAKERS {
            let why = format!("send a name for each of at most {MAX_SPEAKERS} samples of voices");
            return Err(wrong("known_speaker_names", why));
        }
        if self.logprobs && self.format != ResponseFormat::Json {
            return Err(wrong("include", "logprobs come with the response format json alone"));
        }
        let is_file = matches!(self.format, ResponseFormat::Srt | ResponseFormat::Vtt | ResponseFormat::VerboseJson);
        if self.stream && is_file {
            return Err(wrong("stream", "only json, text and diarized_json can be streamed"));
        }
        let mut granularities = self.granularities;
        if granularities.is_empty() {
            granularities.push(Granularity::Segment);
        }
        let timed = self.format == ResponseFormat::VerboseJson && granularities.contains(&Granularity::Word);
        let room = MAX_PROMPT_CHARS.saturating_sub(hint_chars(None, &self.keywords));
        let prompt = end_of(&self.prompt, room);
        let options = JobOptions {
            language: self.language,
            languages: self.languages,
            task: self.task,
            model,
            prompt: (!prompt.is_empty()).then(|| prompt.to_owned()),
            hotwords: self.keywords,
            channels: if self.format == ResponseFormat::DiarizedJson { Channels::Separate } else { Channels::Mix },
            word_timestamps: timed || self.logprobs,
            ..upload_form::defaults(app)
        };
        check_options(app, &options).map_err(|error| refused(&error))?;
        Ok(Wanted { options, format: self.format, granularities, logprobs: self.logprobs, stream: self.stream })
    }

    fn format_named(&self, value: &str) -> Result<ResponseFormat, Refusal> {
        Ok(match value {
            "json" => ResponseFormat::Json,
            "text" => ResponseFormat::Text,
            "srt" => ResponseFormat::Srt,
            "verbose_json" => ResponseFormat::VerboseJson,
            "vtt" => ResponseFormat::Vtt,
            "diarized_json" if self.task == Task::Transcribe => ResponseFormat::DiarizedJson,
            _ if self.task == Task::Transcribe => {
                return Err(wrong("response_format", "use json, text, srt, verbose_json, vtt or diarized_json"));
            }
            _ => return Err(wrong("response_format", "use json, text, srt, verbose_json or vtt")),
        })
    }
}

/// Whether a part is a sample of a voice, which is longer than other options.
pub(super) fn is_sample(name: &str) -> bool {
    split(name).0 == "known_speaker_references"
}

/// Something about the options as a whole is wrong.
pub(in crate::api::openai) fn refused(error: &SubmitError) -> Refusal {
    let param = match error {
        SubmitError::ModelNotOffered { .. } => Some("model"),
        SubmitError::PromptTooLong { .. } => Some("prompt"),
        SubmitError::HintsTooLong { .. } | SubmitError::HotwordTooLong { .. } => Some("keywords"),
        SubmitError::EnglishOnly(_) => Some("language"),
        SubmitError::LanguageGivenAndOpen | SubmitError::LanguageFixedAndChanging => Some("languages"),
        SubmitError::Labels(_) | SubmitError::Once(_) | SubmitError::Database(_) => None,
        SubmitError::Room(room) => return no_room(room),
    };
    Refusal::new(error.kind(), "invalid_value", param, error)
}

/// The workspace may not send this, or not now.
pub(in crate::api::openai) fn no_room(error: &RoomError) -> Refusal {
    let param = matches!(error, RoomError::TooLarge { .. }).then_some("file");
    Refusal::new(error.kind(), error.code(), param, error)
}

fn add<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

fn unknown(name: &str, known: &str) -> Refusal {
    let message = format!("The parameter `{name}` is unknown. Known are {known}.");
    Refusal::form(Some(name), "unknown_parameter", &message)
}
