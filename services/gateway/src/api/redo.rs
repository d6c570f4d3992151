//! `/v1/jobs/{id}/redo`: a span of a recording is transcribed again, with other options.

use std::{ops::Range, sync::Arc};

use escriba_database::within_reason;
use escriba_domain::JobId;
use poem_openapi::{
    Object, OpenApi,
    param::Path,
    payload::Json,
    types::{Example, ToJSON},
};
use uuid::Uuid;

use super::{
    asked::{Asked, list, text, truth},
    authentication::{ApiKey, Transcribe},
    document::Group,
    idempotency::{self, Answered, KeyHeader},
    job_view,
    problem::{Failure, failure, invalid},
    segments::find_job,
    submission::{Accepted, accepted, not_submitted},
    text::Text,
    upload_form::change_options,
};
use crate::app::{
    App,
    answer_once::Fingerprint,
    redo_span::{RedoError, redo_span},
};

pub struct RedoApi {
    pub(super) app: Arc<App>,
}

/// Which span, and what is otherwise than for the whole. What is left out is as it was there.
#[derive(Debug, Object)]
#[oai(rename = "RedoSpan", deny_unknown_fields, example)]
struct RedoSpan {
    /// Where the span begins, in seconds. Segments that begin before it and reach into it are done again too.
    from: f64,
    /// Where it ends, in seconds.
    to: f64,
    /// A language code such as `en` or `es`, or `auto` to detect it.
    language: Option<Text>,
    /// When the language is detected, only these are considered. Not together with `language`.
    languages: Option<Vec<Text>>,
    /// Whether the language is detected anew throughout. Not together with `language`.
    multilingual: Option<bool>,
    /// `transcribe`: text in the language spoken; `translate`: in English.
    task: Option<Text>,
    /// One of the models this server offers.
    model: Option<Text>,
    /// `interactive`: somebody waits for it; `batch`: nobody does.
    lane: Option<Text>,
    /// Names and terms that occur in the span, at most 800 characters, hotwords included.
    prompt: Option<Text>,
    /// Words and names to expect throughout, each of at most 80 characters.
    hotwords: Option<Vec<Text>>,
    /// Whether the span should have the times of each word.
    word_timestamps: Option<bool>,
}

impl RedoSpan {
    fn asked(&self) -> Asked {
        [
            text("language", self.language.as_ref()),
            list("languages", self.languages.as_deref()),
            truth("multilingual", self.multilingual),
            text("task", self.task.as_ref()),
            text("model", self.model.as_ref()),
            text("lane", self.lane.as_ref()),
            text("prompt", self.prompt.as_ref()),
            list("hotwords", self.hotwords.as_deref()),
            truth("word_timestamps", self.word_timestamps),
        ]
        .concat()
    }

    /// In milliseconds.
    fn span(&self) -> Result<Range<u64>, Failure> {
        Ok(millis("from", self.from)?..millis("to", self.to)?)
    }
}

impl Example for RedoSpan {
    fn example() -> Self {
        Self {
            from: 1.0,
            to: 4.5,
            language: Some("es".into()),
            languages: None,
            multilingual: None,
            task: None,
            model: None,
            lane: Some("interactive".into()),
            prompt: Some("A talk about message queues.".into()),
            hotwords: None,
            word_timestamps: None,
        }
    }
}

#[OpenApi(tag = "Group::Transcripts")]
impl RedoApi {
    /// Transcribe a span again
    ///
    /// Queues a job that transcribes a span of a completed job's recording again, with other options. Once it is
    /// completed, its segments take the place of those in the span, as a new version of the transcript; everything else
    /// stays. Its `redo` says where the span, which never cuts a segment, begins and ends.
    #[oai(path = "/v1/jobs/:id/redo", method = "post", operation_id = "redoSpan")]
    async fn redo(
        &self,
        key: ApiKey<Transcribe>,
        /// The job's id.
        id: Path<Uuid>,
        /// Any text that names this request and no other, such as a UUID. Sent again with the same key within a day,
        /// the request is answered as it was the first time, and there is still one job.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: KeyHeader,
        wanted: Json<RedoSpan>,
    ) -> Result<Answered<Accepted>, Failure> {
        let (app, caller, id): (_, _, JobId) = (&self.app, *key.caller(), id.0.into());
        let body = wanted.0.to_json_string();
        let request = Fingerprint::of("redoSpan", &[id.to_string().as_bytes(), body.as_bytes()]);
        let answer = idempotency::create_once(app, key.0, idempotency_key, request, |once| async move {
            let whole = find_job(app, caller.workspace, id).await?;
            let options = change_options(whole.options, &wanted.0.asked())?;
            let redone = redo_span(app, caller, id, (wanted.0.span()?, options), &once, accepted);
            within_reason(redone).await.map_err(|error| match error {
                RedoError::Submit(error) => not_submitted(error),
                error => failure(error.kind(), error.code(), &error),
            })
        });
        Ok(answer.await?.into())
    }
}

fn millis(name: &str, seconds: f64) -> Result<u64, Failure> {
    let why = || format!("`{name}` is wrong: it is a number of seconds from the recording's start.");
    job_view::millis(seconds).ok_or_else(|| invalid("span_invalid", &why()))
}
