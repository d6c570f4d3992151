//! The working side of an attempt: fetch what was claimed, hear it, and say what comes of it as it comes. A long
//! recording is not transcribed here but planned: its speech is stored in parts, which the gateway makes chunks of.

use std::{
    ops::ControlFlow,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use escriba_blobs::ObjectKey;
use escriba_domain::{ChunkId, JobId, ModelName, Task, WorkspaceId};
use escriba_events::{channels_from_proto, task_from_proto};
use escriba_proto::v1::{self, Proceed, proceed::Source};
use futures_util::TryStreamExt;
use tokio::{io::AsyncSeekExt, sync::mpsc, time::timeout};
use tokio_util::{io::ReaderStream, sync::CancellationToken};

use super::{
    fetch_media::{FetchError, fetch_media, fetch_speech},
    transcribe_chunk::Transcriber,
    verdict::{Verdict, of_fetch, of_model, of_run},
};
use crate::{
    media::{DecodeRequest, Rendition},
    speech::{
        Borrowed, Event, ForPlayers, FoundPart, Listening, Outcome, PipelineError, Plan, Planner, RecognizeOptions,
        listen, listen_again, stored, transcribe,
    },
};

/// Between a failure of something this worker needs and the next try.
pub(super) const TROUBLE_PAUSE: Duration = Duration::from_secs(5);
/// How long storing a part may still take when nobody wants it any more.
const LAST_PART: Duration = Duration::from_secs(5);

/// Of a file on its way to storage.
const PIECE_BYTES: usize = 256 << 10;

/// Stops decoding and recognition, and what comes before them.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop {
    pub(super) cancel: Arc<AtomicBool>,
    pub(super) given_up: CancellationToken,
}

impl Stop {
    pub(super) fn now(&self) {
        self.given_up.cancel();
        self.cancel.store(true, Ordering::Relaxed);
    }
}

/// One claimed chunk.
pub(super) struct Work<'a> {
    pub(super) transcriber: &'a Transcriber,
    pub(super) proceed: Proceed,
    pub(super) model: &'a ModelName,
    pub(super) stop: Stop,
    pub(super) events: mpsc::Sender<Event>,
}

/// Why there is no outcome, and what that means.
type Ended<T> = Result<T, Verdict>;

impl Work<'_> {
    pub(super) async fn run(self) -> Verdict {
        let started = Instant::now();
        let verdict = match self.proceed.source.clone() {
            Some(Source::Recording(recording)) => self.hear_recording(recording, started).await,
            Some(Source::Part(part)) => self.hear_part(part, started).await,
            None => Err(of_fetch(&FetchError::NoSource, elapsed(started))),
        };
        verdict.unwrap_or_else(|verdict| verdict)
    }

    async fn hear_recording(&self, recording: v1::Recording, started: Instant) -> Ended<Verdict> {
        let fetching = fetch_media(&self.transcriber.blobs, &recording.media_key);
        let file = self.fetched(fetching, started).await?;
        let until_ms = if recording.until_ms == 0 { u64::MAX } else { recording.until_ms };
        let is_whole = recording.from_ms == 0 && until_ms == u64::MAX;
        let (decoders, request) = (self.transcriber.decoders.clone(), self.decode_request(is_whole));
        let stop = self.stop.cancel.clone();
        let watch =
            move |_| if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let open = move || decoders.decode_watched(&file, &request, watch);
        let plan = Plan { from_ms: recording.from_ms, until_ms, ..self.plan() };
        let heard = listen(open, &plan, &self.stop.cancel).await;
        let listening = heard.map_err(|error| of_run(Err(error), elapsed(started)))?;
        let part_ms = self.transcriber.chunk_ms;
        // Parts an earlier attempt planned are work of others by now.
        let wanted_ms = listening.audio_ms.map_or(until_ms, |ms| ms.min(until_ms)).saturating_sub(recording.from_ms);
        let in_parts = recording.planned_parts > 0 || wanted_ms > 2 * part_ms;
        if !in_parts {
            return self.transcribe(listening, plan, started).await;
        }
        self.say(Event::Info { audio_ms: listening.audio_ms, in_parts }).await;
        let planner = Planner::new(listening, plan, recording.planned_parts, part_ms, &self.stop.cancel);
        self.store_parts(planner, started).await
    }

    async fn hear_part(&self, part: v1::Part, started: Instant) -> Ended<Verdict> {
        let fetching = fetch_speech(&self.transcriber.blobs, &part.speech_key);
        let windows = self.fetched(fetching, started).await?;
        let plan = Plan { until_ms: part.end_ms, ..self.plan() };
        let listening = listen_again(windows, plan.resume_ms, part.end_ms);
        self.transcribe(listening, plan, started).await
    }

    async fn transcribe(&self, listening: Listening, plan: Plan, started: Instant) -> Ended<Verdict> {
        let engine = self.borrow(started).await?;
        let ended = transcribe(listening, &engine, plan, &self.stop.cancel, self.events.clone()).await;
        self.keep_for_players(&ended).await;
        Ok(of_run(ended, elapsed(started)))
    }

    async fn store_parts(&self, mut planner: Planner, started: Instant) -> Ended<Verdict> {
        let engine = if planner.needs_engine() { Some(self.borrow(started).await?) } else { None };
        let failed = |error: PipelineError| of_run(Err(error), elapsed(started));
        while let Some(part) = planner.next(engine.as_deref()).await.map_err(failed)? {
            let id = ChunkId::new();
            let stored = self.store(id, &part).await;
            if let Err(error) = stored {
                let verdict = of_fetch(&error, elapsed(started));
                return Err(self.after_pause(verdict).await);
            }
            self.say(Event::Part { part: part.span, id, language: part.language }).await;
        }
        let ended: Result<Outcome, _> = planner.finish();
        self.keep_for_players(&ended).await;
        Ok(of_run(ended, elapsed(started)))
    }

    async fn store(&self, id: ChunkId, part: &FoundPart) -> Result<(), FetchError> {
        let (workspace, job): (WorkspaceId, JobId) = (self.proceed.workspace_id.parse()?, self.proceed.job_id.parse()?);
        self.put(ObjectKey::Windows { workspace, job, chunk: id }, stored::to_bytes(&part.windows)).await
    }

    /// Stores what players want of the recording. A transcript is worth having without it.
    async fn keep_for_players(&self, ended: &Result<Outcome, PipelineError>) {
        let Ok(Outcome { players: Some(ForPlayers { peaks, rendition }), .. }) = ended else { return };
        let ids = (self.proceed.workspace_id.parse(), self.proceed.job_id.parse());
        let (Ok(workspace), Ok(job)) = ids else { return };
        if let Err(error) = self.put(ObjectKey::Peaks { workspace, job }, peaks.to_bytes()).await {
            tracing::warn!(%error, "the outline of a recording could not be stored");
        }
        let Some(rendition) = rendition else { return };
        if let Err(error) = self.put_file(ObjectKey::Rendition { workspace, job }, rendition).await {
            tracing::warn!(%error, "the rendition of a recording could not be stored");
        }
    }

    async fn put(&self, key: ObjectKey, bytes: Vec<u8>) -> Result<(), FetchError> {
        let put = async {
            let mut upload = self.transcriber.blobs.upload(key).await?;
            upload.write(Bytes::from(bytes)).await?;
            upload.finish().await?;
            Ok(())
        };
        self.stored(key, put).await
    }

    async fn put_file(&self, key: ObjectKey, rendition: &Rendition) -> Result<(), FetchError> {
        let put = async {
            let mut file = tokio::fs::File::from_std(rendition.0.try_clone()?);
            file.rewind().await?;
            let mut upload = self.transcriber.blobs.upload(key).await?;
            let mut pieces = ReaderStream::with_capacity(file, PIECE_BYTES);
            while let Some(piece) = pieces.try_next().await? {
                upload.write(piece).await?;
            }
            upload.finish().await?;
            Ok(())
        };
        self.stored(key, put).await
    }

    async fn stored(
        &self,
        key: ObjectKey,
        put: impl Future<Output = Result<(), FetchError>>,
    ) -> Result<(), FetchError> {
        let mut put = pin!(put);
        tokio::select! {
            stored = &mut put => stored,
            () = self.stop.given_up.cancelled() => {
                // Dropped in the middle it could leave a file behind.
                let ended = async {
                    put.await.ok();
                    self.transcriber.blobs.delete(key).await.ok();
                };
                timeout(LAST_PART, ended).await.ok();
                Err(FetchError::GivenUp)
            }
        }
    }

    async fn fetched<T>(&self, fetching: impl Future<Output = Result<T, FetchError>>, started: Instant) -> Ended<T> {
        let fetched = tokio::select! {
            fetched = fetching => fetched,
            () = self.stop.given_up.cancelled() => return Err(Verdict::Canceled),
        };
        match fetched {
            Ok(fetched) => Ok(fetched),
            Err(error) => Err(self.after_pause(of_fetch(&error, elapsed(started))).await),
        }
    }

    /// What is away now may be back by the time the chunk is claimed again.
    async fn after_pause(&self, verdict: Verdict) -> Verdict {
        if matches!(verdict, Verdict::Trouble) {
            timeout(TROUBLE_PAUSE, self.stop.given_up.cancelled()).await.ok();
        }
        verdict
    }

    async fn borrow(&self, started: Instant) -> Ended<Borrowed> {
        let borrowed = tokio::select! {
            borrowed = self.transcriber.models.borrow(self.model) => borrowed,
            () = self.stop.given_up.cancelled() => return Err(Verdict::Canceled),
        };
        borrowed.map_err(|error| of_model(&error, elapsed(started)))
    }

    /// Nobody listens to an attempt that was given up.
    async fn say(&self, event: Event) {
        self.events.send(event).await.ok();
    }

    fn decode_request(&self, rendition: bool) -> DecodeRequest {
        let options = self.proceed.options.clone().unwrap_or_default();
        DecodeRequest {
            channels: channels_from_proto(options.channels()),
            track: options.audio_track.parse().ok(),
            language: options.given_language.parse().ok(),
            max_audio_ms: shorter(self.transcriber.max_audio_ms, options.max_audio_ms),
            rendition,
        }
    }

    /// What the gateway asks for, as the speech pipeline understands it.
    fn plan(&self) -> Plan {
        let options = self.proceed.options.clone().unwrap_or_default();
        Plan {
            multilingual: options.multilingual,
            from_ms: 0,
            resume_ms: self.proceed.resume_ms,
            until_ms: u64::MAX,
            next_index: self.proceed.next_index,
            options: RecognizeOptions {
                language: options.language.parse().ok(),
                languages: options.languages.iter().filter_map(|code| code.parse().ok()).collect(),
                task: task_from_proto(options.task()).unwrap_or(Task::Transcribe),
                prompt: prompt(&options),
                word_timestamps: options.word_timestamps,
            },
        }
    }
}

/// The worker's own limit, or the sender's where that is less. 0 is none.
fn shorter(own_ms: u64, senders_ms: u64) -> u64 {
    if senders_ms == 0 { own_ms } else { own_ms.min(senders_ms) }
}

/// The prompt with the hotwords before it: what comes last weighs most.
fn prompt(options: &v1::Options) -> Option<String> {
    let hotwords = options.hotwords.join(", ");
    let parts: Vec<_> = [hotwords, options.prompt.clone()].into_iter().filter(|part| !part.is_empty()).collect();
    Some(parts.join(". ")).filter(|prompt| !prompt.is_empty())
}

/// Milliseconds.
pub(super) fn elapsed(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
