//! The form that submits a job. Its parts may come in any order; the recording streams through. What its options mean
//! is in `options.rs`, how the `OpenAPI` document describes it in `schema.rs`.

mod options;
mod schema;

pub(super) use options::defaults;

use bytes::Bytes;
use escriba_database::media::Media;
use escriba_domain::{ErrorKind, JobOptions, WorkspaceId};
use futures_util::Stream;
use poem::{
    FromRequest, Request, RequestBody,
    web::{Field, Multipart},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, Registry},
};
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

use super::problem::{Failure, failure, invalid, unreadable};
use crate::app::{
    App,
    receive_media::{ReceiveError, discard_media, receive_media},
    submit_job::check_options,
};

const CONTENT_TYPE: &str = "multipart/form-data";
/// Options are short; anything longer is a recording under the wrong name.
const MAX_OPTION_BYTES: u64 = 16 << 10;
const READ_BYTES: usize = 256 << 10;

/// A form on its way in.
pub(super) struct UploadForm(Multipart);

/// What the form held: a stored recording and how to transcribe it.
pub(super) struct Received {
    pub(super) media: Media,
    pub(super) options: JobOptions,
}

impl UploadForm {
    /// Reads the whole form. Options that come before the recording are checked before it is taken; nothing stays in
    /// storage when anything is wrong.
    pub(super) async fn receive(mut self, app: &App, workspace: WorkspaceId) -> Result<Received, Failure> {
        let mut options = options::defaults(app);
        let mut media = None;
        let read = self.read(app, workspace, &mut options, &mut media).await;
        let checked = read.and_then(|()| check(app, &options));
        match (checked, media) {
            (Ok(()), Some(media)) => Ok(Received { media, options }),
            (Ok(()), None) => {
                Err(invalid("media_missing", "The form has no part named `media`. Put the recording there."))
            }
            (Err(failure), media) => {
                if let Some(media) = media {
                    discard_media(app, &media).await;
                }
                Err(failure)
            }
        }
    }

    async fn read(
        &mut self,
        app: &App,
        workspace: WorkspaceId,
        options: &mut JobOptions,
        media: &mut Option<Media>,
    ) -> Result<(), Failure> {
        let broken =
            |error: poem::error::ParseMultipartError| unreadable(&format!("The form cannot be read: {error}."));
        while let Some(field) = self.0.next_field().await.map_err(broken)? {
            let name = field.name().unwrap_or_default().to_owned();
            if name != "media" {
                let text = read_option(field, &name).await?;
                options::set(options, &name, &text)?;
                continue;
            }
            if media.is_some() {
                return Err(invalid("media_repeated", "The form has two recordings. Send one job for each."));
            }
            check(app, options)?;
            *media = Some(receive(app, workspace, field).await?);
        }
        Ok(())
    }
}

async fn receive(app: &App, workspace: WorkspaceId, field: Field) -> Result<Media, Failure> {
    let file_name = field.file_name().map(str::to_owned);
    let content_type = field.content_type().map(str::to_owned);
    let bytes = Box::pin(stream(field));
    let received = receive_media(app, workspace, file_name.as_deref(), content_type.as_deref(), bytes).await;
    received.map_err(|error| match &error {
        ReceiveError::BrokenOff(_) => unreadable(&error.to_string()),
        ReceiveError::TooLarge { .. } => failure(error.kind(), "upload_too_large", &error),
        ReceiveError::Storage(_) => failure(error.kind(), "storage", &error),
    })
}

pub(super) fn stream(field: Field) -> impl Stream<Item = std::io::Result<Bytes>> {
    ReaderStream::with_capacity(field.into_async_read(), READ_BYTES)
}

async fn read_option(field: Field, name: &str) -> Result<String, Failure> {
    let mut text = Vec::new();
    let mut reader = Box::pin(field.into_async_read().take(MAX_OPTION_BYTES + 1));
    reader
        .read_to_end(&mut text)
        .await
        .map_err(|error| unreadable(&format!("The form's part `{name}` cannot be read: {error}.")))?;
    if text.len() as u64 > MAX_OPTION_BYTES {
        let detail = format!("The form's part `{name}` is too long for an option. The recording belongs in `media`.");
        return Err(invalid("option_too_long", &detail));
    }
    String::from_utf8(text)
        .map_err(|_| invalid("option_not_text", &format!("The form's part `{name}` is not UTF-8 text.")))
}

fn check(app: &App, options: &JobOptions) -> Result<(), Failure> {
    check_options(app, options).map_err(|error| {
        debug_assert_eq!(error.kind(), ErrorKind::Invalid);
        failure(error.kind(), "option_invalid", &error)
    })
}

impl<'a> ApiExtractor<'a> for UploadForm {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(_registry: &mut Registry) {}

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType { content_type: CONTENT_TYPE, schema: schema::form() }];
        Some(MetaRequest { description: Some("The recording and its options."), content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        Ok(Self(<Multipart as FromRequest>::from_request(request, body).await?))
    }
}
