//! The finding half of a run: decodes and looks for windows of speech, channel by channel, on a thread that may block.
//! It recognises nothing.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;

use super::{
    peaks::{PeakMeter, Peaks},
    pipeline::PipelineError,
    windower::{Packing, Window, Windower},
};
use crate::media::{DecodeError, DecodeSummary, Decoder, Rendition};

/// Progress through silence is told this often.
const SILENCE_EVERY_MS: u64 = 10_000;

/// What players show and play of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForPlayers {
    pub peaks: Peaks,
    /// If it was asked for, and browsers do not play the recording itself.
    pub rendition: Option<Rendition>,
}

/// What was found, in the order in which it was found.
pub(super) enum Found {
    /// First of all.
    Info {
        audio_ms: Option<u64>,
    },
    /// No window found later starts before `searched_ms`.
    Window {
        window: Window,
        channel: Option<u16>,
        searched_ms: u64,
    },
    Silence {
        searched_ms: u64,
    },
    /// Last of all.
    End {
        summary: DecodeSummary,
        /// Of a recording that was heard from its start to its end.
        players: Option<ForPlayers>,
    },
}

pub(super) type Searched = Result<Found, PipelineError>;

/// How to look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search {
    pub(super) packing: Packing,
    pub(super) resume_ms: u64,
    /// Only this is wanted of the recording. All before it is heard too, so that speech in it is found as it is in the
    /// whole.
    pub(super) from_ms: u64,
    pub(super) until_ms: u64,
}

impl Search {
    /// Searches until the end, a failure, a cancel, or nobody takes what is found any more.
    pub(super) fn run(
        self,
        open: impl FnOnce() -> Result<Decoder, DecodeError>,
        cancel: &AtomicBool,
        found: &mpsc::Sender<Searched>,
    ) {
        if let Err(error) = self.look(open, cancel, found) {
            // Whoever left before the end has no use for it.
            found.blocking_send(Err(error)).ok();
        }
    }

    fn look(
        self,
        open: impl FnOnce() -> Result<Decoder, DecodeError>,
        cancel: &AtomicBool,
        found: &mpsc::Sender<Searched>,
    ) -> Result<(), PipelineError> {
        let mut decoder = open()?;
        let channels = usize::from(decoder.info().channels.max(1));
        let mut ears = Ears::new(self, channels);
        let mut meter = PeakMeter::new(channels);
        if found.blocking_send(Ok(Found::Info { audio_ms: decoder.info().duration_ms })).is_err() {
            return Ok(());
        }
        let mut told_ms = self.from_ms;
        while let Some(block) = decoder.next_block()? {
            if cancel.load(Ordering::Relaxed) {
                return Err(PipelineError::Canceled);
            }
            meter.push(&block);
            for news in self.wanted(ears.push(&block)) {
                if found.blocking_send(Ok(news)).is_err() {
                    return Ok(());
                }
                told_ms = ears.searched_ms();
            }
            let searched_ms = ears.searched_ms();
            if searched_ms >= self.until_ms {
                let summary = DecodeSummary { audio_ms: self.until_ms, warnings: Vec::new() };
                found.blocking_send(Ok(Found::End { summary, players: None })).ok();
                return Ok(());
            }
            if searched_ms >= told_ms + SILENCE_EVERY_MS {
                told_ms = searched_ms;
                if found.blocking_send(Ok(Found::Silence { searched_ms })).is_err() {
                    return Ok(());
                }
            }
        }
        let rendition = decoder.take_rendition();
        let summary = decoder.finish()?;
        for news in self.wanted(ears.finish()) {
            if found.blocking_send(Ok(news)).is_err() {
                return Ok(());
            }
        }
        let is_whole = self.from_ms == 0 && self.until_ms == u64::MAX;
        let players = is_whole.then(|| ForPlayers { peaks: meter.finish(), rendition });
        found.blocking_send(Ok(Found::End { summary, players })).ok();
        Ok(())
    }

    /// Windows as far as they lie in the span.
    fn wanted(self, news: Vec<Found>) -> impl Iterator<Item = Found> {
        news.into_iter().filter_map(move |news| match news {
            Found::Window { window, channel, searched_ms } => {
                let window = window.within(self.from_ms, self.until_ms)?;
                Some(Found::Window { window, channel, searched_ms })
            }
            other => Some(other),
        })
    }
}

/// A windower a channel.
struct Ears(Vec<Windower>);

impl Ears {
    fn new(search: Search, channels: usize) -> Self {
        Self((0..channels).map(|_| Windower::new(search.packing, search.resume_ms)).collect())
    }

    /// Takes samples of all channels, interleaved.
    fn push(&mut self, block: &[i16]) -> Vec<Found> {
        let channels = self.0.len();
        let mut windows = Vec::new();
        for (index, windower) in self.0.iter_mut().enumerate() {
            let samples: Vec<i16> = block.iter().skip(index).step_by(channels).copied().collect();
            windows.extend(windower.push(&samples).into_iter().map(|window| (index, window)));
        }
        in_order(windows, channels, self.searched_ms())
    }

    fn finish(self) -> Vec<Found> {
        let channels = self.0.len();
        let last = self.0.into_iter().map(Windower::finish).enumerate();
        let windows = last.flat_map(|(index, windows)| windows.into_iter().map(move |window| (index, window)));
        in_order(windows.collect(), channels, u64::MAX)
    }

    fn searched_ms(&self) -> u64 {
        self.0.iter().map(Windower::settled_ms).min().unwrap_or(0)
    }
}

/// Windows and the index of their channel, by their start. Each is told with what it leaves to be found.
fn in_order(mut windows: Vec<(usize, Window)>, channels: usize, searched_ms: u64) -> Vec<Found> {
    windows.sort_by_key(|(index, window)| (window.start_ms, *index));
    let starts: Vec<u64> = windows.iter().map(|(_, window)| window.start_ms).collect();
    let found = windows.into_iter().enumerate().map(|(place, (index, window))| {
        let next = starts.get(place + 1).copied().unwrap_or(u64::MAX);
        let channel = u16::try_from(index + 1).ok().filter(|_| channels > 1);
        Found::Window { window, channel, searched_ms: searched_ms.min(next) }
    });
    found.collect()
}
