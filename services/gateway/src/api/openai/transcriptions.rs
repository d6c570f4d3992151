//! `/v1/audio/transcriptions` and `/v1/audio/translations`: a job each, waited for.

use std::{sync::Arc, time::Duration};

use escriba_database::{jobs::Job, within_reason};
use escriba_domain::{ErrorKind, JobId, WorkspaceId};
use futures_util::stream::BoxStream;
use poem::Body;
use poem_openapi::{
    ApiResponse, OpenApi, ResponseContent,
    param::Header,
    payload::{Binary, EventStream, Json},
};
use tokio_util::sync::CancellationToken;

use super::{
    answer::{self, Content},
    error::Refusal,
    form::{self, AudioForm, Received, Transcription, Translation},
    stream::{self, FrameView},
    views::TranscriptView,
};
use crate::{
    api::{
        authentication::{ApiKey, Transcribe},
        document::Group,
    },
    app::{
        App,
        await_job::{AwaitError, await_job},
        join_job::{Asked, join_job},
        receive_media::discard_media,
    },
};

const HEARTBEAT: Duration = Duration::from_secs(15);

pub struct TranscriptionsApi {
    pub(in crate::api) app: Arc<App>,
    pub(in crate::api) shutdown: CancellationToken,
}

type Frames = EventStream<BoxStream<'static, FrameView>>;

/// What transcriptions come as.
#[derive(ResponseContent)]
enum Transcribed {
    Json(Json<TranscriptView>),
    #[oai(content_type = "text/plain; charset=utf-8")]
    Text(Binary<Body>),
    #[oai(content_type = "application/x-subrip; charset=utf-8")]
    Srt(Binary<Body>),
    #[oai(content_type = "text/vtt; charset=utf-8")]
    Vtt(Binary<Body>),
    Stream(Frames),
}

#[derive(ApiResponse)]
enum TranscriptionResponse {
    /// The transcript in the format asked for, or a stream of its text.
    #[oai(status = 200)]
    Transcript(
        Transcribed,
        /// The job's id, for `/v1/jobs/{id}`.
        #[oai(header = "X-Escriba-Job")]
        String,
    ),
}

#[derive(ApiResponse)]
enum TranslationResponse {
    /// The transcript in the format asked for.
    #[oai(status = 200)]
    Transcript(
        Content,
        /// The job's id, for `/v1/jobs/{id}`.
        #[oai(header = "X-Escriba-Job")]
        String,
    ),
}

#[OpenApi(prefix_path = "/v1/audio", tag = "Group::OpenAi")]
impl TranscriptionsApi {
    /// Transcribe a recording and wait for the text
    ///
    /// OpenAI's interface: queues a job, waits for its end however long that takes, and answers with its transcript. A
    /// request that is sent again while the job runs joins it instead of starting another.
    #[oai(path = "/transcriptions", method = "post", operation_id = "createTranscription")]
    async fn transcribe(
        &self,
        key: ApiKey<Transcribe>,
        form: AudioForm<Transcription>,
        /// How often a program has sent this request before; those of OpenAI's say it by themselves. Above 0 it is also
        /// answered by a job that was completed in the last hour.
        #[oai(name = "x-stainless-retry-count")]
        retry_count: Header<Option<String>>,
    ) -> Result<TranscriptionResponse, Refusal> {
        let received = form.receive(&self.app, key.0).await?;
        let wanted = received.wanted.clone();
        let id = self.submit(received, retry_count.0.as_deref()).await?;
        let transcribed = if wanted.stream {
            let frames = stream::frames(self.app.clone(), (key.0, id), &wanted, self.shutdown.clone());
            Transcribed::Stream(EventStream::new(frames).keep_alive(HEARTBEAT))
        } else {
            let job = self.wait(key.0, id).await?;
            answer::write(&self.app, &job, &wanted).await?.into()
        };
        Ok(TranscriptionResponse::Transcript(transcribed, id.to_string()))
    }

    /// Translate a recording into English and wait for the text
    ///
    /// OpenAI's interface: like a transcription, with English text whatever is spoken.
    #[oai(path = "/translations", method = "post", operation_id = "createTranslation")]
    async fn translate(
        &self,
        key: ApiKey<Transcribe>,
        form: AudioForm<Translation>,
        /// As for a transcription.
        #[oai(name = "x-stainless-retry-count")]
        retry_count: Header<Option<String>>,
    ) -> Result<TranslationResponse, Refusal> {
        let received = form.receive(&self.app, key.0).await?;
        let wanted = received.wanted.clone();
        let id = self.submit(received, retry_count.0.as_deref()).await?;
        let job = self.wait(key.0, id).await?;
        let content = answer::write(&self.app, &job, &wanted).await?;
        Ok(TranslationResponse::Transcript(content, id.to_string()))
    }
}

impl TranscriptionsApi {
    async fn submit(&self, received: Received, retry_count: Option<&str>) -> Result<JobId, Refusal> {
        let Received { media, wanted } = received;
        let again = retry_count.and_then(|count| count.trim().parse::<u32>().ok()).is_some_and(|count| count > 0);
        let asked = if again { Asked::Again } else { Asked::Once };
        match within_reason(join_job(&self.app, media.clone(), wanted.options, asked)).await {
            Ok(id) => Ok(id),
            Err(error) => {
                // Where the outcome is unknown the job may be there; an upload without one is swept later.
                if error.kind() == ErrorKind::Invalid {
                    discard_media(&self.app, &media).await;
                }
                Err(form::refused(&error))
            }
        }
    }

    async fn wait(&self, workspace: WorkspaceId, id: JobId) -> Result<Job, Refusal> {
        tokio::select! {
            ended = await_job(self.app.clone(), workspace, id) => {
                ended.map_err(|error| ended_badly(&error).of_job(id))
            }
            () = self.shutdown.cancelled() => Err(stopping().of_job(id)),
        }
    }
}

/// A job that was waited for has no transcript.
pub(super) fn ended_badly(error: &AwaitError) -> Refusal {
    match (error, error.kind()) {
        (AwaitError::Failed(_), ErrorKind::Internal) => Refusal::gave_up(error.code(), error),
        (AwaitError::Failed(_), kind) => Refusal::new(kind, error.code(), Some("file"), error),
        (_, kind) => Refusal::new(kind, error.code(), None, error),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the server stops while a job is waited for")]
struct Stopping;

/// The job goes on, and whoever asks again joins it.
pub(super) fn stopping() -> Refusal {
    Refusal::new(ErrorKind::Unavailable, "unavailable", None, &Stopping)
}

impl From<Content> for Transcribed {
    fn from(content: Content) -> Self {
        match content {
            Content::Json(json) => Self::Json(json),
            Content::Text(body) => Self::Text(body),
            Content::Srt(body) => Self::Srt(body),
            Content::Vtt(body) => Self::Vtt(body),
        }
    }
}
