//! A recording from decoder to segments: decoding and searching for speech on one thread, recognition on the caller's,
//! at most two windows between them. It tells its caller what happens and decides nothing about the job.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, SyncSender, TrySendError},
    },
    thread,
};

use escriba_domain::{Language, Segment, WarningCode};

use crate::{
    media::{DecodeError, DecodeSummary, Decoder},
    speech::{
        recognizer::{RecognizeError, RecognizeOptions, Recognizer},
        windower::{Window, Windower},
    },
};

/// Windows found ahead of the one being recognised: enough to keep it busy, and no more memory than that.
const AHEAD: usize = 2;

/// Progress through silence is told this often.
const PROGRESS_EVERY_MS: u64 = 10_000;

/// What to recognise, and from where.
#[derive(Debug, Clone)]
pub struct Plan {
    /// A language left open is settled by the first window that has text.
    pub options: RecognizeOptions,
    /// Where the last committed window ended; 0 at first.
    pub resume_ms: u64,
    /// The number of the next segment.
    pub next_index: u32,
}

/// What happens on the way.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// First of all: what the recording's header says of its length.
    Info {
        audio_ms: Option<u64>,
    },
    Progress {
        processed_ms: u64,
        audio_ms: Option<u64>,
    },
    /// A window is done: everything before `through_ms` is. It may be without text.
    Window {
        segments: Vec<Segment>,
        through_ms: u64,
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
}

impl From<RecognizeError> for PipelineError {
    fn from(error: RecognizeError) -> Self {
        match error {
            RecognizeError::Canceled => Self::Canceled,
            RecognizeError::Engine(_) => Self::Recognize(error),
        }
    }
}

enum Found {
    Window(Window),
    Silence { through_ms: u64 },
    End(DecodeSummary),
}

/// Transcribes what `decoder` gives. Blocks until done, failed or `cancel` is set.
pub fn run(
    decoder: Decoder,
    recognizer: &mut Recognizer,
    plan: Plan,
    cancel: &Arc<AtomicBool>,
    mut on_event: impl FnMut(Event),
) -> Result<Outcome, PipelineError> {
    let audio_ms = decoder.info().duration_ms;
    on_event(Event::Info { audio_ms });
    thread::scope(|scope| {
        let (found, windows) = mpsc::sync_channel(AHEAD);
        let search = thread::Builder::new()
            .name("decode".to_owned())
            .spawn_scoped(scope, move || search(decoder, plan.resume_ms, cancel, &found))
            .map_err(DecodeError::Io)?;
        let Plan { mut options, mut next_index, .. } = plan;
        for found in windows {
            let processed_ms = match found {
                Found::Window(window) => {
                    let text = recognizer.recognize(&window, &options, cancel)?;
                    if !text.segments.is_empty() {
                        options.language = Some(text.language);
                    }
                    let mut segments = Vec::with_capacity(text.segments.len());
                    for segment in text.segments {
                        segments.push(segment.numbered(next_index, options.language));
                        next_index += 1;
                    }
                    let through_ms = window.end_ms;
                    on_event(Event::Window { segments, through_ms, language: options.language });
                    through_ms
                }
                Found::Silence { through_ms } => through_ms,
                Found::End(DecodeSummary { audio_ms, warnings }) => {
                    on_event(Event::Progress { processed_ms: audio_ms, audio_ms: Some(audio_ms) });
                    return Ok(Outcome { audio_ms, language: options.language, warnings });
                }
            };
            on_event(Event::Progress { processed_ms, audio_ms });
        }
        // The channel closed without an end, so the search failed or saw the cancel.
        match search.join() {
            Ok(Err(error)) => Err(error),
            Ok(Ok(())) => Err(PipelineError::Canceled),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Decodes and finds windows until the end, a cancel, or nobody receives them any more.
fn search(
    mut decoder: Decoder,
    resume_ms: u64,
    cancel: &AtomicBool,
    found: &SyncSender<Found>,
) -> Result<(), PipelineError> {
    let mut windower = Windower::new(resume_ms);
    let mut told_ms = 0;
    while let Some(block) = decoder.next_block()? {
        if cancel.load(Ordering::Relaxed) {
            return Err(PipelineError::Canceled);
        }
        for window in windower.push(&block) {
            told_ms = window.end_ms;
            if found.send(Found::Window(window)).is_err() {
                return Ok(());
            }
        }
        let through_ms = windower.settled_ms();
        if through_ms >= told_ms + PROGRESS_EVERY_MS {
            // A full channel means that recognition has enough to tell of.
            match found.try_send(Found::Silence { through_ms }) {
                Ok(()) => told_ms = through_ms,
                Err(TrySendError::Full(_)) => {}
                Err(TrySendError::Disconnected(_)) => return Ok(()),
            }
        }
    }
    let summary = decoder.finish()?;
    for window in windower.finish() {
        if found.send(Found::Window(window)).is_err() {
            return Ok(());
        }
    }
    // Whoever left before the end has no use for it.
    let _ = found.send(Found::End(summary));
    Ok(())
}
