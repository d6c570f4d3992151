//! One attempt at one chunk: claim, fetch, decode and recognise, report as it goes, and acknowledge only after the
//! gateway has committed the end.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use escriba_blobs::BlobStore;
use escriba_domain::ModelName;
use escriba_events::{WorkItem, lane_to_proto, segment_to_proto, statistics_to_proto};
use escriba_messaging::Settlement;
use escriba_proto::v1::{self, Claim, Proceed, refused::Reason, report};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{
    speeds::{Lap, Speeds},
    verdict::Verdict,
    work::{self, TROUBLE_PAUSE, Work, elapsed},
};
use crate::{
    clients::reports::{Attempt, Claimed, Reports, Word},
    media::DecoderPool,
    speech::{Event, Models},
};

/// Progress is told this often, and so a cancellation is heard of this soon.
const TELL_EVERY: Duration = Duration::from_millis(400);
/// Finished windows that may wait for a gateway before recognition waits too.
const MAX_UNCOMMITTED: usize = 256;
const EVENTS_AHEAD: usize = 16;
const HELD_PAUSE: Duration = Duration::from_secs(20);
/// How long a stopping worker waits for the answer to a claim, so that it can hand back what it gets.
const CLAIM_PATIENCE: Duration = Duration::from_secs(2);
/// How long it then waits for its last reports to be committed.
const RELEASE_PATIENCE: Duration = Duration::from_secs(6);

/// Everything an attempt needs.
#[derive(Debug)]
pub(crate) struct Transcriber {
    pub(crate) reports: Reports,
    pub(crate) blobs: BlobStore,
    pub(crate) models: Models,
    pub(crate) decoders: Arc<DecoderPool>,
    /// Longer recordings are refused.
    pub(crate) max_audio_ms: u64,
    /// Longer recordings are cut into chunks of about so much speech.
    pub(crate) chunk_ms: u64,
    pub(crate) worker_id: String,
    pub(crate) speeds: Arc<Speeds>,
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
            lane: lane_to_proto(item.lane).into(),
            model: item.model.to_string(),
        };
        let claimed = tokio::select! {
            claimed = self.reports.claim(claim) => claimed,
            () = self.stopping_for(CLAIM_PATIENCE) => return Settlement::Again(Duration::ZERO),
        };
        let (attempt, proceed) = match claimed {
            Ok(Claimed::Granted(granted)) => *granted,
            Ok(Claimed::Refused(Reason::Held)) => return Settlement::Again(HELD_PAUSE),
            Ok(Claimed::Refused(_)) => return Settlement::Done,
            Err(status) => {
                tracing::warn!(reason = status.message(), "a chunk could not be claimed; it will be tried again");
                timeout(TROUBLE_PAUSE, self.shutdown.cancelled()).await.ok();
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

    /// Ends so long after this worker was told to stop.
    async fn stopping_for(&self, time: Duration) {
        self.shutdown.cancelled().await;
        sleep(time).await;
    }
}

/// The reporting side of an attempt.
struct Run {
    attempt: Attempt,
    stop: work::Stop,
    progress: v1::Progress,
    started: Instant,
    lap: Lap,
}

impl Run {
    fn new(attempt: Attempt, proceed: &Proceed) -> Self {
        let progress = v1::Progress { processed_ms: proceed.resume_ms, audio_ms: 0 };
        let lap = Lap::begin(proceed.resume_ms);
        Self { attempt, stop: work::Stop::default(), progress, started: Instant::now(), lap }
    }

    /// Runs the work beside the reporting, until the gateway has committed how it ended.
    async fn drive(&mut self, transcriber: &Transcriber, proceed: Proceed, model: &ModelName) -> Result<(), Stop> {
        let (sender, mut events) = mpsc::channel(EVENTS_AHEAD);
        let work = Work { transcriber, proceed, model, stop: self.stop.clone(), events: sender }.run();
        tokio::pin!(work);
        let mut ticks = interval(TELL_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut verdict = None;
        let stop = loop {
            let room = self.attempt.uncommitted() < MAX_UNCOMMITTED;
            let step = tokio::select! {
                event = events.recv(), if room => match event {
                    Some(event) => {
                        self.measure(&event, &transcriber.speeds, model);
                        self.report(event);
                        Ok(())
                    }
                    // All events are reported, and the work is over or nearly so.
                    None if verdict.is_some() => break None,
                    None => { verdict = Some((&mut work).await); break None }
                },
                ended = &mut work, if verdict.is_none() => { verdict = Some(ended); Ok(()) }
                heard = self.attempt.next_word() => goes_on(heard),
                _ = ticks.tick() => { self.attempt.tell(report::Body::Progress(self.progress)); Ok(()) }
                () = transcriber.shutdown.cancelled() => Err(Stop::Shutdown),
            };
            if let Err(stop) = step {
                break Some(stop);
            }
        };
        if let Some(stop) = stop {
            self.stop.now();
            events.close();
            if matches!(stop, Stop::Shutdown) {
                self.release().await;
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

    fn measure(&mut self, event: &Event, speeds: &Speeds, model: &ModelName) {
        match event {
            // What comes before recognition is no measure of it.
            Event::Info { .. } => self.lap = Lap::begin(self.progress.processed_ms),
            Event::Window { through_ms, .. } => {
                let (audio_ms, took) = self.lap.reach(*through_ms);
                speeds.note(model, audio_ms, took);
            }
            Event::Progress { .. } | Event::Part { .. } => {}
        }
    }

    fn report(&mut self, event: Event) {
        match event {
            Event::Info { audio_ms, in_parts } => {
                self.progress.audio_ms = audio_ms.unwrap_or(0);
                self.attempt.tell(report::Body::Plan(v1::Plan { audio_ms: self.progress.audio_ms, in_parts }));
            }
            Event::Part { part, id, language } => {
                let planned = v1::PartPlanned {
                    chunk_id: id.to_string(),
                    position: part.position,
                    start_ms: part.start_ms,
                    end_ms: part.end_ms,
                    work_ms: part.work_ms,
                    language: language.map(|language| language.code().to_owned()).unwrap_or_default(),
                };
                self.attempt.commit(report::Body::PartPlanned(planned));
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
                self.attempt.commit(report::Body::Segments(segments));
            }
        }
    }

    /// Says how it ended, and waits until that and everything before it is committed; only for a while when this worker
    /// is told to stop.
    async fn end(&mut self, body: report::Body, shutdown: &CancellationToken) -> Result<(), Stop> {
        self.attempt.commit(body);
        tokio::select! {
            ended = self.all_committed() => return ended,
            () = shutdown.cancelled() => {}
        }
        self.attempt.hurry();
        timeout(RELEASE_PATIENCE, self.all_committed()).await.unwrap_or(Err(Stop::Shutdown))
    }

    async fn all_committed(&mut self) -> Result<(), Stop> {
        while self.attempt.uncommitted() > 0 {
            goes_on(self.attempt.next_word().await)?;
        }
        Ok(())
    }

    async fn release(&mut self) {
        self.attempt.hurry();
        self.attempt.commit(self.released());
        if let Ok(Ok(())) = timeout(RELEASE_PATIENCE, self.all_committed()).await {
            tracing::info!("the chunk was handed back");
        } else {
            tracing::warn!("the chunk could not be handed back; its lease runs out by itself");
        }
    }

    fn released(&self) -> report::Body {
        report::Body::Released(v1::ChunkReleased { processing_ms: elapsed(self.started) })
    }
}

/// What a gateway's word means for the attempt.
fn goes_on(word: Result<Word, Status>) -> Result<(), Stop> {
    match word {
        Ok(Word::Committed) => Ok(()),
        Ok(Word::Cancel | Word::Superseded) => Err(Stop::Lost),
        Err(status) => Err(Stop::Broken(status)),
    }
}
