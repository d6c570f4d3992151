//! A job whose recording the server fetches. The options are those of the form, as JSON has them.

use std::collections::BTreeMap;

use bytes::Bytes;
use escriba_domain::ErrorKind;
use poem::RequestBody;
use poem_openapi::{
    Object,
    registry::{MetaMediaType, Registry},
    types::{Example, ParseFromJSON, ToJSON, Type},
};
use serde_json::Value;

use super::super::{
    asked::{Asked, list, text, truth},
    problem::{Failure, failure, invalid, unreadable},
    text::Text,
    upload_form::{not_received, read_submission},
};
use crate::{
    app::{App, answer_once::Fingerprint, import_media::ImportError, submit_job::Submission},
    clients::remote::RemoteError,
};

pub(super) const CONTENT_TYPE: &str = "application/json";
const MAX_BODY_BYTES: usize = 64 << 10;

/// A recording to be fetched, and its options. What is left out is as in the form.
#[derive(Debug, Clone, Object)]
#[oai(rename = "ImportJob", deny_unknown_fields, example)]
struct ImportJob {
    /// Where the recording is: an `http` or `https` address that can be reached without credentials, and that is not
    /// in a private network.
    media_url: Text,
    /// A language code such as `en` or `es`, or `auto` to detect it.
    language: Option<Text>,
    /// When the language is detected, only these are considered. Not together with `language`.
    languages: Option<Vec<Text>>,
    /// Whether the language is detected anew throughout, for recordings that change it. Not together with `language`.
    multilingual: Option<bool>,
    /// `transcribe`: text in the language spoken; `translate`: in English.
    task: Option<Text>,
    /// One of the models this server offers.
    model: Option<Text>,
    /// `interactive`: somebody waits for it; `batch`: nobody does.
    lane: Option<Text>,
    /// Names and terms that occur in the recording, at most 800 characters, hotwords included.
    prompt: Option<Text>,
    /// Words and names to expect everywhere in the recording, each of at most 80 characters.
    hotwords: Option<Vec<Text>>,
    /// `mix`: all channels heard as one; `separate`: each transcribed on its own.
    channels: Option<Text>,
    /// Which audio track of a video: its number, counted from 1, or its language.
    audio_track: Option<Text>,
    /// Whether the transcript should have the times of each word.
    word_timestamps: Option<bool>,
    /// A title, at most 200 characters.
    title: Option<Text>,
    /// Tags to find the job by: at most 32, each of at most 64 characters.
    tags: Option<Vec<Text>>,
    /// Whatever you want to keep with the job: at most 16 keys, of at most 64 characters each, with texts of at most
    /// 1000 characters.
    metadata: Option<BTreeMap<String, Text>>,
}

impl ImportJob {
    /// What is said, named as the parts of the form.
    fn asked(&self) -> Asked {
        let metadata = self.metadata.as_ref().and_then(ToJSON::to_json).map(|metadata| Text(metadata.to_string()));
        [
            text("language", self.language.as_ref()),
            list("languages", self.languages.as_deref()),
            truth("multilingual", self.multilingual),
            text("task", self.task.as_ref()),
            text("model", self.model.as_ref()),
            text("lane", self.lane.as_ref()),
            text("prompt", self.prompt.as_ref()),
            list("hotwords", self.hotwords.as_deref()),
            text("channels", self.channels.as_ref()),
            text("audio_track", self.audio_track.as_ref()),
            truth("word_timestamps", self.word_timestamps),
            text("title", self.title.as_ref()),
            list("tags", self.tags.as_deref()),
            text("metadata", metadata.as_ref()),
        ]
        .concat()
    }
}

impl Example for ImportJob {
    fn example() -> Self {
        Self {
            media_url: "https://example.org/talks/queues.mp3".into(),
            language: None,
            languages: Some(vec!["en".into(), "es".into()]),
            multilingual: Some(false),
            task: Some("transcribe".into()),
            model: None,
            lane: Some("batch".into()),
            prompt: Some("A talk about message queues.".into()),
            hotwords: Some(vec!["Escriba".into(), "JetStream".into()]),
            channels: Some("mix".into()),
            audio_track: None,
            word_timestamps: Some(true),
            title: Some("A talk about queues".into()),
            tags: Some(vec!["talks".into()]),
            metadata: Some(BTreeMap::from([("customer".to_owned(), "4711".into())])),
        }
    }
}

/// The body as it was sent.
pub(in crate::api) struct Import(Bytes);

impl Import {
    /// Sent again, a request has the same body.
    pub(in crate::api) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of("createJob", &[CONTENT_TYPE.as_bytes(), &self.0])
    }

    /// Where the recording is, and what is to become of it.
    pub(in crate::api) fn read(&self, app: &App) -> Result<(String, Submission), Failure> {
        let value: Value =
            serde_json::from_slice(&self.0).map_err(|error| unreadable(&format!("The body is not JSON: {error}.")))?;
        if value["media_url"].is_null() {
            return Err(invalid("media_missing", "The body has no `media_url`. Say there where the recording is."));
        }
        let job = ImportJob::parse_from_json(Some(value)).map_err(|error| {
            let why = error.into_message();
            invalid("option_invalid", &format!("The body does not fit: {}.", why.trim_end_matches('.')))
        })?;
        let asked = job.asked();
        let submission = read_submission(app, asked.iter().map(|(name, text)| (*name, text.as_str())))?;
        Ok((job.media_url.0, submission))
    }

    pub(super) fn register(registry: &mut Registry) {
        ImportJob::register(registry);
    }

    pub(super) fn media_type() -> MetaMediaType {
        MetaMediaType { content_type: CONTENT_TYPE, schema: ImportJob::schema_ref() }
    }

    pub(super) async fn from_request(body: &mut RequestBody) -> poem::Result<Self> {
        Ok(Self(body.take()?.into_bytes_limit(MAX_BODY_BYTES).await?))
    }
}

pub(in crate::api) fn not_imported(error: ImportError) -> Failure {
    let code = match error {
        ImportError::Receive(error) => return not_received(error),
        ImportError::Room(error) => return failure(error.kind(), error.code(), &error),
        ImportError::NotMedia { .. } => "media_url_not_media",
        ImportError::Remote(RemoteError::NoUrl(_)) => "media_url_invalid",
        ImportError::Remote(RemoteError::Scheme(_) | RemoteError::Credentials | RemoteError::Private { .. }) => {
            "media_url_forbidden"
        }
        ImportError::Remote(_) | ImportError::BrokenOff(_) => "media_url_unreachable",
    };
    debug_assert_eq!(error.kind(), ErrorKind::Invalid);
    failure(error.kind(), code, &error)
}
