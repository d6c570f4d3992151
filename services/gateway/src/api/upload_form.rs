//! The form that submits a job. Its parts may come in any order; the recording streams through. What its options mean
//! is in `options.rs`, how the `OpenAPI` document describes it in `schema.rs`.

mod labels;
mod options;
mod schema;

pub(super) use options::defaults;

use bytes::Bytes;
use escriba_database::media::Media;
use escriba_domain::{JobOptions, WorkspaceId};
use futures_util::Stream;
use poem::{
    FromRequest, Request, RequestBody,
    http::header::CONTENT_LENGTH,
    web::{Field, Multipart},
};
use poem_openapi::registry::MetaMediaType;
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

use super::problem::{Failure, failure, invalid, unreadable};
use crate::app::{
    App,
    answer_once::Fingerprint,
    receive_media::{ReceiveError, discard_media, receive_media, weigh_media},
    room::look_for_room,
    submit_job::{Submission, check_submission},
};

const CONTENT_TYPE: &str = "multipart/form-data";
/// Options are short; anything longer is a recording under the wrong name.
const MAX_OPTION_BYTES: u64 = 16 << 10;
const READ_BYTES: usize = 256 << 10;

/// A form on its way in.
pub(super) struct UploadForm {
    parts: Multipart,
    /// How long the whole body will be, where the sender says so.
    announced: Option<u64>,
}

/// What was asked for: a stored recording and what is to become of it.
pub(super) struct Received {
    pub(super) media: Media,
    pub(super) submission: Submission,
}

/// Where a form's recording goes.
#[derive(Clone, Copy)]
enum Destination {
    Storage(WorkspaceId),
    /// It was stored before, and is only compared.
    Nowhere,
}

enum Recording {
    Stored(Media),
    Weighed([u8; 32]),
}

/// A form as far as it is read.
struct Contents {
    submission: Submission,
    /// All parts but the recording, by name and as they were sent.
    asked: Vec<(String, String)>,
    recording: Option<Recording>,
}

impl UploadForm {
    /// Reads the whole form. Options that come before the recording are checked before it is taken; nothing stays in
    /// storage when anything is wrong.
    pub(super) async fn receive(self, app: &App, workspace: WorkspaceId) -> Result<(Received, Fingerprint), Failure> {
        // Whoever waits for `100 Continue` has not sent a byte yet: it is said when the form is first read.
        look_for_room(app, workspace, self.announced)
            .await
            .map_err(|error| failure(error.kind(), error.code(), &error))?;
        let contents = self.read(app, Destination::Storage(workspace)).await?;
        let fingerprint = contents.fingerprint();
        match contents.recording {
            Some(Recording::Stored(media)) => Ok((Received { media, submission: contents.submission }, fingerprint)),
            _ => Err(missing()),
        }
    }

    /// Reads the whole form for what it asks, and keeps nothing of it.
    pub(super) async fn weigh(self, app: &App) -> Result<Fingerprint, Failure> {
        Ok(self.read(app, Destination::Nowhere).await?.fingerprint())
    }

    async fn read(mut self, app: &App, destination: Destination) -> Result<Contents, Failure> {
        let mut contents =
            Contents { submission: Submission::unlabelled(defaults(app)), asked: Vec::new(), recording: None };
        let read = self.read_parts(app, destination, &mut contents).await;
        match read.and_then(|()| check(app, &contents.submission)) {
            Ok(()) if contents.recording.is_some() => Ok(contents),
            Ok(()) => Err(missing()),
            Err(failure) => {
                if let Some(Recording::Stored(media)) = &contents.recording {
                    discard_media(app, media).await;
                }
                Err(failure)
            }
        }
    }

    async fn read_parts(
        &mut self,
        app: &App,
        destination: Destination,
        contents: &mut Contents,
    ) -> Result<(), Failure> {
        let broken =
            |error: poem::error::ParseMultipartError| unreadable(&format!("The form cannot be read: {error}."));
        while let Some(field) = self.parts.next_field().await.map_err(broken)? {
            let name = field.name().unwrap_or_default().to_owned();
            if name != "media" {
                let text = read_option(field, &name).await?;
                set(&mut contents.submission, &name, &text)?;
                contents.asked.push((name, text));
                continue;
            }
            if contents.recording.is_some() {
                return Err(invalid("media_repeated", "The form has two recordings. Send one job for each."));
            }
            check(app, &contents.submission)?;
            contents.recording = Some(receive(app, destination, field).await?);
        }
        Ok(())
    }
}

impl Contents {
    /// The same however the parts are ordered. Parts of one name add up in their order.
    fn fingerprint(&self) -> Fingerprint {
        let mut asked: Vec<_> = self.asked.iter().collect();
        asked.sort_by_key(|(name, _)| name);
        let mut pieces: Vec<&[u8]> =
            asked.into_iter().flat_map(|(name, text)| [name.as_bytes(), text.trim().as_bytes()]).collect();
        match &self.recording {
            Some(Recording::Stored(media)) => pieces.push(&media.sha256),
            Some(Recording::Weighed(sha256)) => pieces.push(sha256),
            None => {}
        }
        Fingerprint::of("createJob", &pieces)
    }
}

/// Options and labels named as the parts of the form, wherever they come from.
pub(super) fn read_submission<'a>(
    app: &App,
    asked: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Submission, Failure> {
    let mut submission = Submission::unlabelled(defaults(app));
    for (name, text) in asked {
        set(&mut submission, name, text)?;
    }
    check(app, &submission)?;
    Ok(submission)
}

/// The options of another job, with these changed. What is named takes the place of all that the other had of it, and of
/// what cannot stand beside it.
pub(super) fn change_options(mut options: JobOptions, asked: &[(&str, String)]) -> Result<JobOptions, Failure> {
    for (name, _) in asked {
        match *name {
            "language" => {
                options.languages.clear();
                options.multilingual = false;
            }
            "languages" => {
                options.languages.clear();
                options.language = None;
            }
            "multilingual" => options.language = None,
            "hotwords" => options.hotwords.clear(),
            _ => {}
        }
    }
    for (name, text) in asked {
        options::set(&mut options, name, text)?;
    }
    Ok(options)
}

fn set(submission: &mut Submission, name: &str, text: &str) -> Result<(), Failure> {
    if labels::set(&mut submission.labels, name, text)? {
        return Ok(());
    }
    options::set(&mut submission.options, name, text)
}

async fn receive(app: &App, destination: Destination, field: Field) -> Result<Recording, Failure> {
    let file_name = field.file_name().map(str::to_owned);
    let content_type = field.content_type().map(str::to_owned);
    let bytes = Box::pin(stream(field));
    let received = match destination {
        Destination::Storage(workspace) => {
            receive_media(app, workspace, file_name.as_deref(), content_type.as_deref(), bytes)
                .await
                .map(Recording::Stored)
        }
        Destination::Nowhere => weigh_media(app, bytes).await.map(Recording::Weighed),
    };
    received.map_err(not_received)
}

#[expect(clippy::needless_pass_by_value, reason = "so that it maps over errors")]
pub(super) fn not_received(error: ReceiveError) -> Failure {
    match &error {
        ReceiveError::BrokenOff(_) => unreadable(&error.to_string()),
        ReceiveError::Room(room) => failure(error.kind(), room.code(), &error),
        ReceiveError::Storage(_) => failure(error.kind(), "storage", &error),
    }
}

fn missing() -> Failure {
    invalid("media_missing", "The form has no part named `media`. Put the recording there.")
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

fn check(app: &App, submission: &Submission) -> Result<(), Failure> {
    check_submission(app, submission).map_err(|error| failure(error.kind(), error.code(), &error))
}

/// How the document describes the form.
pub(super) fn media_type() -> MetaMediaType {
    MetaMediaType { content_type: CONTENT_TYPE, schema: schema::form() }
}

impl<'a> FromRequest<'a> for UploadForm {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> poem::Result<Self> {
        let announced = request.header(CONTENT_LENGTH).and_then(|length| length.parse().ok());
        Ok(Self { parts: <Multipart as FromRequest>::from_request(request, body).await?, announced })
    }
}
