//! One attempt at one chunk: claim, fetch, decode and recognise, report as it goes, and acknowledge only after the
//! gateway has committed the end.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use escriba_blobs::BlobStore;
use escriba_domain::{ModelName, Task};
use escriba_events::{WorkItem, channels_from_proto, segment_to_proto, statistics_to_proto, task_from_proto};
use escriba_messaging::Settlement;
use escriba_proto::v1::{self, Claim, Proceed, refused::Reason, report};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{
    fetch_media::fetch_media,
    verdict::{Verdict, of_fetch, of_model, of_run},
};
use crate::{
    clients::reports::{Attempt, Claimed, Reports, Word, may_pass},
    media::{DecodeRequest, DecoderPool},
    speech::{self, Event, Models, Plan, RecognizeOptions},
};

/// Progress is told this often, and so a cancellation is heard of this soon.
const TELL_EVERY: Duration = Duration::from_millis(400);
/// Finished windows that may wait for a gateway before recognition waits too.
const MAX_UNCOMMITTED: usize = 256;
const EVENTS_AHEAD: usize = 16;
/// Between a failure of something this worker needs and the next try.
const TROUBLE_PAUSE: Duration = Duration::from_secs(5);
const HELD_PAUSE: Duration = Duration::from_secs(20);
/// How long a stopping worker waits for its hand-back to be committed.
const RELEASE_PATIENCE: Duration = Duration::from_secs(5);

/// Everything an attempt needs.
#[derive(Debug)]
pub(crate) struct Transcriber {
    pub(crate) reports: Reports,
    pub(crate) blobs: BlobStore,
    pub(crate) models: Models,
    pub(crate) decoders: Arc<DecoderPool>,
    /// Longer recordings are refused.
    pub(crate) max_audio_ms: u64,
    pub(crate) worker_id: String,
    pub(crate) shutdown: CancellationToken,
}

/// Why an attempt stopped before its end.
enum Stop {
    /// The chunk is no longer this worker's, or its job was canceled.
    Lost,
    /// This worker is told to stop.
    Shutdown,
    /// The gateway said something that trying again would not change.
    Broken(Status),
}

impl Transcriber {
    pub(crate) async fn transcribe_chunk(&self, item: &WorkItem) -> Settlement {
        let claim = Claim {
            job_id: item.job_id.to_string(),
            chunk_id: item.chunk_id.to_string(),
            worker_id: self.worker_id.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let (attempt, proceed) = match self.reports.claim(claim).await {
            Ok(Claimed::Granted(granted)) => *granted,
            Ok(Claimed::Refused(Reason::Held)) => return Settlement::Again(HELD_PAUSE),
            Ok(Claimed::Refused(_)) => return Settlement::Done,
            Err(status) => {
                tracing::warn!(reason = status.message(), "a chunk could not be claimed; it will be tried again");
                tokio::time::sleep(TROUBLE_PAUSE).await;
                return Settlement::Again(TROUBLE_PAUSE);
            }
        };
        let mut run = Run::new(attempt, &proceed);
        match run.drive(self, proceed, &item.model).await {
            Ok(()) | Err(Stop::Shutdown) => Settlement::Done,
            Err(Stop::Lost) => {
                tracing::info!("the chunk was taken away");
                Settlement::Done
            }
            Err(Stop::Broken(status)) => {
                tracing::error!(reason = status.message(), "the gateway refused a report");
                Settlement::Again(HELD_PAUSE)
            }
        }
    }

    async fn work(
        &self,
        proceed: Proceed,
        model: &ModelName,
        (cancel, given_up): (Arc<AtomicBool>, CancellationToken),
        events: mpsc::Sender<Event>,
    ) -> Verdict {
        let started = Instant::now();
        let elapsed = || u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let fetched = tokio::select! {
            fetched = fetch_media(&self.blobs, &proceed.media_key) => fetched,
            () = given_up.cancelled() => return Verdict::Canceled,
        };
        let file = match fetched {
            Ok(file) => file,
            Err(error) => {
                let verdict = of_fetch(&error, elapsed());
                if matches!(verdict, Verdict::Trouble) {
                    timeout(TROUBLE_PAUSE, given_up.cancelled()).await.ok();
                }
                return verdict;
            }
        };
        let borrowed = tokio::select! {
            borrowed = self.models.borrow(model) => borrowed,
            () = given_up.cancelled() => return Verdict::Canceled,
        };
        let engine = match borrowed {
            Ok(engine) => engine,
            Err(error) => return of_model(&error, elapsed()),
        };
        let (decoders, request, stop) = (self.decoders.clone(), self.decode_request(&proceed), cancel.clone());
        let watch =
            move |_| if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let open = move || decoders.decode_watched(&file, &request, watch);
        let ended = speech::run(open, &engine, plan(&proceed), &cancel, events).await;
        of_run(ended, elapsed())
    }

    fn decode_request(&self, proceed: &Proceed) -> DecodeRequest {
        let options = proceed.options.clone().unwrap_or_default();
        DecodeRequest {
            channels: channels_from_proto(options.channels()),
            track: options.audio_track.parse().ok(),
            language: options.given_language.parse().ok(),
            max_audio_ms: self.max_audio_ms,
        }
    }
}

/// The reporting side of an attempt.
struct Run {
    attempt: Attempt,
    /// Stops decoding and recognition, and what comes before them.
    cancel: Arc<AtomicBool>,
    given_up: CancellationToken,
    progress: v1::Progress,
    started: Instant,
}

impl Run {
    fn new(attempt: Attempt, proceed: &Proceed) -> Self {
        let progress = v1::Progress { processed_ms: proceed.resume_ms, audio_ms: 0 };
        Self { attempt, cancel: Arc::default(), given_up: CancellationToken::new(), progress, started: Instant::now() }
    }

    /// Runs the work beside the reporting, until the gateway has committed how it ended.
    async fn drive(&mut self, transcriber: &Transcriber, proceed: Proceed, model: &ModelName) -> Result<(), Stop> {
        let (sender, mut events) = mpsc::channel(EVENTS_AHEAD);
        let work = transcriber.work(proceed, model, (self.cancel.clone(), self.given_up.clone()), sender);
        tokio::pin!(work);
        let mut ticks = interval(TELL_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut verdict = None;
        let stop = loop {
            let room = self.attempt.uncommitted() < MAX_UNCOMMITTED;
            let step = tokio::select! {
                event = events.recv(), if room => match event {
                    Some(event) => { self.report(event).await; Ok(()) }
                    // All events are reported, and the work is over or nearly so.
                    None if verdict.is_some() => break None,
                    None => { verdict = Some((&mut work).await); break None }
                },
                ended = &mut work, if verdict.is_none() => { verdict = Some(ended); Ok(()) }
                heard = self.attempt.next_word() => self.hear(heard, &transcriber.shutdown).await,
                _ = ticks.tick() => { self.attempt.tell(report::Body::Progress(self.progress)); Ok(()) }
                () = transcriber.shutdown.cancelled() => Err(Stop::Shutdown),
            };
            if let Err(stop) = step {
                break Some(stop);
            }
        };
        if let Some(stop) = stop {
            self.given_up.cancel();
            self.cancel.store(true, Ordering::Relaxed);
            events.close();
            if matches!(stop, Stop::Shutdown) {
                self.release(&transcriber.shutdown).await;
            }
            // The next chunk is taken only once this one has let go of the engine.
            if verdict.is_none() {
                work.await;
            }
            return Err(stop);
        }
        let shutdown = &transcriber.shutdown;
        match verdict {
            Some(Verdict::Done(done)) => self.end(report::Body::Done(done), shutdown).await,
            Some(Verdict::Failed(failed)) => self.end(report::Body::Failed(failed), shutdown).await,
            Some(Verdict::Trouble | Verdict::Canceled) | None => self.end(self.released(), shutdown).await,
        }
    }

    async fn report(&mut self, event: Event) {
        match event {
            Event::Info { audio_ms } => {
                self.progress.audio_ms = audio_ms.unwrap_or(0);
                self.attempt.tell(report::Body::Plan(v1::Plan { audio_ms: self.progress.audio_ms }));
            }
            Event::Progress { processed_ms, audio_ms } => {
                self.progress = v1::Progress { processed_ms, audio_ms: audio_ms.unwrap_or(0) };
            }
            Event::Window { segments, through_ms, language, statistics } => {
                self.progress.processed_ms = through_ms;
                let segments = v1::Segments {
                    segments: segments.iter().map(segment_to_proto).collect(),
                    through_ms,
                    language: language.map(|language| language.code().to_owned()).unwrap_or_default(),
                    statistics: Some(statistics_to_proto(&statistics)),
                };
                self.attempt.commit(report::Body::Segments(segments)).await;
            }
        }
    }

    async fn hear(&mut self, word: Result<Word, Status>, shutdown: &CancellationToken) -> Result<(), Stop> {
        match word {
            Ok(Word::Committed) => Ok(()),
            Ok(Word::Cancel | Word::Superseded) => Err(Stop::Lost),
            Err(status) if may_pass(&status) => {
                let reconnected = tokio::select! {
                    reconnected = self.attempt.reconnect() => reconnected,
                    () = shutdown.cancelled() => return Err(Stop::Shutdown),
                };
                match reconnected {
                    Ok(true) => Ok(()),
                    Ok(false) => Err(Stop::Lost),
                    Err(status) => Err(Stop::Broken(status)),
                }
            }
            Err(status) => Err(Stop::Broken(status)),
        }
    }

    /// Says how it ended, and waits until that and everything before it is committed.
    async fn end(&mut self, body: report::Body, shutdown: &CancellationToken) -> Result<(), Stop> {
        self.attempt.commit(body).await;
        while self.attempt.uncommitted() > 0 {
            let word = self.attempt.next_word().await;
            self.hear(word, shutdown).await?;
        }
        Ok(())
    }

    async fn release(&mut self, shutdown: &CancellationToken) {
        let body = self.released();
        if let Ok(Ok(())) = timeout(RELEASE_PATIENCE, self.end(body, shutdown)).await {
            tracing::info!("the chunk was handed back");
        } else {
            tracing::warn!("the chunk could not be handed back; its lease runs out by itself");
        }
    }

    fn released(&self) -> report::Body {
        let processing_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        report::Body::Released(v1::ChunkReleased { processing_ms })
    }
}

/// What the gateway asks for, as the speech pipeline understands it.
fn plan(proceed: &Proceed) -> Plan {
    let options = proceed.options.clone().unwrap_or_default();
    Plan {
        multilingual: options.multilingual,
        resume_ms: proceed.resume_ms,
        next_index: proceed.next_index,
        options: RecognizeOptions {
            language: options.language.parse().ok(),
            languages: options.languages.iter().filter_map(|code| code.parse().ok()).collect(),
            task: task_from_proto(options.task()).unwrap_or(Task::Transcribe),
            prompt: prompt(&options),
            word_timestamps: options.word_timestamps,
        },
    }
}

/// The prompt with the hotwords before it: what comes last weighs most.
fn prompt(options: &v1::Options) -> Option<String> {
    let hotwords = options.hotwords.join(", ");
    let parts: Vec<_> = [hotwords, options.prompt.clone()].into_iter().filter(|part| !part.is_empty()).collect();
    Some(parts.join(". ")).filter(|prompt| !prompt.is_empty())
}
