//! A recording from decoder to segments: decoding and searching for speech on a thread of its own, recognition on the
//! engine's, as many windows at once as it has slots. It tells its caller what happens, in the order of the recording,
//! and decides nothing about the job.

use std::{
    sync::{Arc, atomic::AtomicBool},
    thread,
};

use escriba_domain::{ChunkId, Language, Segment, Statistics, WarningCode};
use futures_util::{StreamExt, stream::FuturesOrdered};
use tokio::sync::mpsc;

use super::{
    engine::{Answer, Engine},
    languages::Poll,
    merge::{Merge, Placed},
    parts::PartSpan,
    recognizer::{RecognizeError, RecognizeOptions, Recognized},
    search::{ForPlayers, Found, Search, Searched},
    stored::StoredWindow,
    windower::{Packing, Window},
};
use crate::media::{DecodeError, DecodeSummary, Decoder};

/// Windows found ahead of the ones being recognised: enough to keep the engine busy, and no more memory than that.
const AHEAD: usize = 2;

/// What to recognise, and from where.
#[derive(Debug, Clone)]
pub struct Plan {
    /// A language left open is settled by the first windows that have text.
    pub options: RecognizeOptions,
    /// Each window has its own language.
    pub multilingual: bool,
    /// Nothing before this is wanted; 0 for a whole recording.
    pub from_ms: u64,
    /// Everything before this is committed; `from_ms` at first.
    pub resume_ms: u64,
    /// Segments that start here or later are another's, or nobody's; `u64::MAX` for a whole recording.
    pub until_ms: u64,
    /// The number of the next segment.
    pub next_index: u32,
}

/// What happens on the way.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// First of all: what the recording's header says of its length.
    Info {
        audio_ms: Option<u64>,
        /// It is planned in parts instead of being transcribed.
        in_parts: bool,
    },
    Progress {
        processed_ms: u64,
        audio_ms: Option<u64>,
    },
    /// Windows are done: everything before `through_ms` is in these segments or in earlier ones.
    Window {
        segments: Vec<Segment>,
        through_ms: u64,
        /// Once it is settled; never where each window has its own.
        language: Option<Language>,
        /// Of these windows.
        statistics: Statistics,
    },
    /// The speech of a part is stored.
    Part {
        part: PartSpan,
        id: ChunkId,
        /// Once it is settled.
        language: Option<Language>,
    },
}

/// How a whole recording went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub audio_ms: u64,
    /// Still open if nobody speaks.
    pub language: Option<Language>,
    pub warnings: Vec<WarningCode>,
    /// From whoever decoded all of it.
    pub players: Option<ForPlayers>,
}

/// Why a recording was not finished.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    #[error("canceled")]
    Canceled,
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(transparent)]
    Recognize(RecognizeError),
    #[error("the engine died of a window")]
    EngineDied,
}

impl From<RecognizeError> for PipelineError {
    fn from(error: RecognizeError) -> Self {
        match error {
            RecognizeError::Canceled => Self::Canceled,
            RecognizeError::Engine(_) => Self::Recognize(error),
        }
    }
}

/// A recording that is being decoded and searched for speech.
pub struct Listening {
    /// What its header says of its length.
    pub audio_ms: Option<u64>,
    pub(super) found: mpsc::Receiver<Searched>,
}

/// Opens the decoder that `open` makes, and waits until it knows the recording. It goes on until its end, until `cancel`
/// is set, or until nobody takes what is found.
pub async fn listen(
    open: impl FnOnce() -> Result<Decoder, DecodeError> + Send + 'static,
    plan: &Plan,
    cancel: &Arc<AtomicBool>,
) -> Result<Listening, PipelineError> {
    let (sender, mut found) = mpsc::channel(AHEAD);
    let packing = if plan.multilingual { Packing::Apart } else { Packing::Full };
    let search = Search { packing, resume_ms: plan.resume_ms, from_ms: plan.from_ms, until_ms: plan.until_ms };
    let stop = cancel.clone();
    thread::Builder::new()
        .name("decode".to_owned())
        .spawn(move || search.run(open, &stop, &sender))
        .map_err(DecodeError::Io)?;
    match found.recv().await {
        Some(Ok(Found::Info { audio_ms })) => Ok(Listening { audio_ms, found }),
        Some(Err(error)) => Err(error),
        _ => Err(PipelineError::Canceled),
    }
}

/// The same for speech that was found before: its windows by their start, up to `end_ms` in the recording.
pub fn listen_again(windows: Vec<StoredWindow>, resume_ms: u64, end_ms: u64) -> Listening {
    let (sender, found) = mpsc::channel(windows.len() + 1);
    let starts: Vec<u64> = windows.iter().map(|stored| stored.window.start_ms).collect();
    let said = windows.into_iter().enumerate().filter(|(_, stored)| stored.window.end_ms > resume_ms);
    let said = said.map(|(place, StoredWindow { window, channel })| Found::Window {
        window,
        channel,
        searched_ms: starts.get(place + 1).copied().unwrap_or(end_ms),
    });
    let summary = DecodeSummary { audio_ms: end_ms, warnings: Vec::new() };
    let end = Found::End { summary, players: None };
    for news in said.chain([end]) {
        // There is room for all of it.
        sender.try_send(Ok(news)).ok();
    }
    Listening { audio_ms: None, found }
}

/// Transcribes what is heard. Ends when done, failed or `cancel` is set. Waits while nobody takes `events`.
pub async fn transcribe(
    listening: Listening,
    engine: &Engine,
    plan: Plan,
    cancel: &Arc<AtomicBool>,
    events: mpsc::Sender<Event>,
) -> Result<Outcome, PipelineError> {
    let mut run = Run::new(engine, plan, cancel.clone(), events);
    run.audio_ms = listening.audio_ms;
    run.say(Event::Info { audio_ms: listening.audio_ms, in_parts: false }).await;
    run.drive(listening.found).await
}

/// What is known of the language.
enum Spoken {
    /// One for the whole recording.
    One(Poll),
    /// One a window: what was surely spoken last, and for how long each has been spoken.
    Many { last: Option<Language>, spoken: Vec<(Language, u64)> },
}

impl Spoken {
    /// Whether the next window may be recognised beside others: what it is recognised with must not depend on which of
    /// two is quicker.
    fn is_settled(&self) -> bool {
        match self {
            Self::One(poll) => poll.settled().is_some(),
            Self::Many { .. } => true,
        }
    }

    fn settled(&self) -> Option<Language> {
        match self {
            Self::One(poll) => poll.settled(),
            Self::Many { .. } => None,
        }
    }

    /// The recording's, as far as can be told.
    fn main(&self) -> Option<Language> {
        match self {
            Self::One(poll) => poll.leading(),
            Self::Many { spoken, .. } => spoken.iter().max_by_key(|(_, ms)| *ms).map(|&(language, _)| language),
        }
    }
}

/// The receiving side of a run.
struct Run<'a> {
    engine: &'a Engine,
    cancel: Arc<AtomicBool>,
    events: mpsc::Sender<Event>,
    options: Arc<RecognizeOptions>,
    language: Spoken,
    merge: Merge,
    statistics: Statistics,
    next_index: u32,
    audio_ms: Option<u64>,
}

impl<'a> Run<'a> {
    fn new(engine: &'a Engine, plan: Plan, cancel: Arc<AtomicBool>, events: mpsc::Sender<Event>) -> Self {
        let language = if plan.multilingual {
            Spoken::Many { last: None, spoken: Vec::new() }
        } else {
            Spoken::One(Poll::new(plan.options.language))
        };
        Self {
            engine,
            cancel,
            events,
            options: Arc::new(plan.options),
            language,
            merge: Merge::new(plan.resume_ms, plan.until_ms),
            statistics: Statistics::default(),
            next_index: plan.next_index,
            audio_ms: None,
        }
    }

    async fn drive(mut self, mut found: mpsc::Receiver<Searched>) -> Result<Outcome, PipelineError> {
        let engine = self.engine;
        let mut in_flight = FuturesOrdered::new();
        let mut end = None;
        loop {
            let most = if self.language.is_settled() { engine.slots() + 1 } else { 1 };
            tokio::select! {
                biased;
                Some((channel, answer)) = in_flight.next() => self.take(channel, answer).await?,
                news = found.recv(), if end.is_none() && in_flight.len() < most => {
                    match news.unwrap_or(Err(PipelineError::Canceled))? {
                        Found::Info { audio_ms } => self.audio_ms = audio_ms,
                        Found::Window { window, channel, searched_ms } => {
                            self.merge.expect(&window, searched_ms);
                            let answer = engine.recognize(window, self.options.clone(), self.cancel.clone());
                            in_flight.push_back(async move { (channel, answer.await) });
                        }
                        Found::Silence { searched_ms } => {
                            self.merge.searched(searched_ms);
                            self.tell().await;
                        }
                        Found::End { summary, players } => {
                            self.merge.searched(summary.audio_ms);
                            self.audio_ms = Some(summary.audio_ms);
                            end = Some((summary, players));
                        }
                    }
                }
                else => break,
            }
        }
        let (DecodeSummary { audio_ms, warnings }, players) = end.ok_or(PipelineError::Canceled)?;
        self.tell().await;
        Ok(Outcome { audio_ms, language: self.language.main(), warnings, players })
    }

    /// A window is done.
    async fn take(&mut self, channel: Option<u16>, answer: Option<Answer>) -> Result<(), PipelineError> {
        let Answer { window, text } = answer.ok_or(PipelineError::EngineDied)?;
        let text = self.in_its_language(&window, text?).await?;
        self.statistics += text.statistics;
        self.merge.take(&window, channel, text);
        self.tell().await;
        Ok(())
    }

    /// Learns from the window's language. Where each window has its own, one that is not sure of it is taken to speak the
    /// last one that was, and is heard again as that.
    async fn in_its_language(&mut self, window: &Window, text: Recognized) -> Result<Recognized, PipelineError> {
        if text.segments.is_empty() {
            return Ok(text);
        }
        let detected = text.language;
        let heard_as = |language| Arc::new(RecognizeOptions { language: Some(language), ..(*self.options).clone() });
        match &mut self.language {
            Spoken::One(poll) => {
                poll.hear(detected);
                if let Some(settled) = poll.settled().filter(|_| self.options.language.is_none()) {
                    self.options = heard_as(settled);
                }
                Ok(text)
            }
            Spoken::Many { last, spoken } => {
                let language = detected.after(*last);
                if detected.is_sure() {
                    *last = Some(language);
                }
                match spoken.iter_mut().find(|(known, _)| *known == language) {
                    Some((_, ms)) => *ms += text.statistics.speech_ms,
                    None => spoken.push((language, text.statistics.speech_ms)),
                }
                if language == detected.language {
                    return Ok(text);
                }
                let again = self.engine.recognize(window.clone(), heard_as(language), self.cancel.clone()).await;
                Ok(again.ok_or(PipelineError::EngineDied)?.text?)
            }
        }
    }

    /// Gives out what is final by now, and how far everything is.
    async fn tell(&mut self) {
        let processed_ms = self.merge.settled_ms();
        if let Some(placed) = self.merge.ready() {
            let mut segments = Vec::with_capacity(placed.len());
            for Placed { segment, channel, language, .. } in placed {
                segments.push(segment.numbered(self.next_index, Some(language), channel));
                self.next_index += 1;
            }
            let statistics = std::mem::take(&mut self.statistics);
            let language = self.language.settled();
            self.say(Event::Window { segments, through_ms: processed_ms, language, statistics }).await;
        }
        self.say(Event::Progress { processed_ms, audio_ms: self.audio_ms }).await;
    }

    /// Nobody listens to an attempt that was given up.
    async fn say(&self, event: Event) {
        self.events.send(event).await.ok();
    }
}
