//! The forms of these paths. Their parts may come in any order; the recording streams into storage. What the parts mean
//! is in `fields.rs` and `values.rs`, how the `OpenAPI` document describes them in `schema.rs`.

mod fields;
mod schema;
mod values;

use std::marker::PhantomData;

use escriba_database::media::Media;
use escriba_domain::{Task, WorkspaceId};
use poem::{
    FromRequest, Request, RequestBody,
    error::ParseMultipartError,
    web::{Field, Multipart},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, MetaSchemaRef, Registry},
};
use tokio::io::AsyncReadExt;

use super::error::Refusal;
use crate::{
    api::upload_form,
    app::{
        App,
        receive_media::{ReceiveError, discard_media, receive_media},
        room::look_for_room,
    },
};
use fields::Fields;

pub(super) use fields::{Granularity, ResponseFormat, Wanted, refused};

const CONTENT_TYPE: &str = "multipart/form-data";
/// Options are short; anything longer is a recording under the wrong name.
const MAX_OPTION_BYTES: u64 = 16 << 10;
/// Ten seconds of a voice, as text.
const MAX_SAMPLE_BYTES: u64 = 4 << 20;

/// What a form asks for.
pub(super) trait Operation: Send {
    const TASK: Task;

    fn schema() -> MetaSchemaRef;
}

/// Text in the language spoken.
pub(super) struct Transcription;

/// Text in English.
pub(super) struct Translation;

impl Operation for Transcription {
    const TASK: Task = Task::Transcribe;

    fn schema() -> MetaSchemaRef {
        schema::transcription()
    }
}

impl Operation for Translation {
    const TASK: Task = Task::Translate;

    fn schema() -> MetaSchemaRef {
        schema::translation()
    }
}

/// A form on its way in.
pub(super) struct AudioForm<O>(Multipart, PhantomData<O>);

/// What the form held.
pub(super) struct Received {
    pub(super) media: Media,
    pub(super) wanted: Wanted,
}

impl<O: Operation> AudioForm<O> {
    /// Reads the whole form. What is wrong before the recording is refused before that is taken; nothing stays in storage
    /// when anything is wrong.
    pub(super) async fn receive(mut self, app: &App, workspace: WorkspaceId) -> Result<Received, Refusal> {
        look_for_room(app, workspace, None).await.map_err(|error| fields::no_room(&error))?;
        let mut fields = Fields::new(O::TASK);
        let mut media = None;
        let read = self.read(app, workspace, &mut fields, &mut media).await;
        match (read.and_then(|()| fields.wanted(app)), media) {
            (Ok(wanted), Some(media)) => Ok(Received { media, wanted }),
            (Ok(_), None) => Err(missing("file", "Put the recording there.")),
            (Err(refusal), media) => {
                if let Some(media) = media {
                    discard_media(app, &media).await;
                }
                Err(refusal)
            }
        }
    }

    async fn read(
        &mut self,
        app: &App,
        workspace: WorkspaceId,
        fields: &mut Fields,
        media: &mut Option<Media>,
    ) -> Result<(), Refusal> {
        let broken = |error: ParseMultipartError| unreadable(&format!("The form cannot be read: {error}."));
        while let Some(field) = self.0.next_field().await.map_err(broken)? {
            let name = field.name().unwrap_or_default().to_owned();
            if name == "file" {
                if media.is_some() {
                    return Err(Refusal::invalid("file", "The form has two recordings. Send a request for each."));
                }
                *media = Some(receive(app, workspace, field).await?);
            } else {
                let limit = if fields::is_sample(&name) { MAX_SAMPLE_BYTES } else { MAX_OPTION_BYTES };
                let text = read_text(field, &name, limit).await?;
                fields.set(app, &name, text.trim())?;
            }
        }
        Ok(())
    }
}

fn unreadable(message: &str) -> Refusal {
    Refusal::form(None, "bad_request", message)
}

fn missing(param: &str, advice: &str) -> Refusal {
    let message = format!("The form has no part named `{param}`. {advice}");
    Refusal::form(Some(param), "missing_required_parameter", &message)
}

async fn receive(app: &App, workspace: WorkspaceId, field: Field) -> Result<Media, Refusal> {
    let file_name = field.file_name().map(str::to_owned);
    let content_type = field.content_type().map(str::to_owned);
    let bytes = Box::pin(upload_form::stream(field));
    let received = receive_media(app, workspace, file_name.as_deref(), content_type.as_deref(), bytes).await;
    received.map_err(|error| match &error {
        ReceiveError::BrokenOff(_) => unreadable(&error.to_string()),
        ReceiveError::Room(room) => fields::no_room(room),
        ReceiveError::Storage(_) => Refusal::new(error.kind(), "storage", None, &error),
    })
}

async fn read_text(field: Field, name: &str, limit: u64) -> Result<String, Refusal> {
    let mut text = Vec::new();
    let mut reader = Box::pin(field.into_async_read().take(limit + 1));
    let read = reader.read_to_end(&mut text).await;
    read.map_err(|error| unreadable(&format!("The form's part `{name}` cannot be read: {error}.")))?;
    if text.len() as u64 > limit {
        let message = format!("The form's part `{name}` is too long. The recording belongs in `file`.");
        return Err(Refusal::invalid(name, &message));
    }
    let wrong = |_| Refusal::invalid(name, &format!("The form's part `{name}` is not UTF-8 text."));
    String::from_utf8(text).map_err(wrong)
}

impl<'a, O: Operation> ApiExtractor<'a> for AudioForm<O> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(_registry: &mut Registry) {}

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType { content_type: CONTENT_TYPE, schema: O::schema() }];
        Some(MetaRequest { description: Some("The recording and what is wanted of it."), content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        Ok(Self(<Multipart as FromRequest>::from_request(request, body).await?, PhantomData))
    }
}
