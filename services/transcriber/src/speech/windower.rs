//! Cuts a recording into windows of speech: the pieces the model hears one at a time. A window runs from the start of
//! its first span of speech to the end of its last, holds at most [`LONGEST`], and is cut in silence wherever there is
//! any. No more than about one window of samples is kept.
//!
//! Windows depend on the samples alone, never on how they arrive, so that a resumed job cuts where the first run did.

use std::collections::VecDeque;

use crate::{
    media::{ms_to_samples, samples_to_ms},
    speech::voice::{Change, FRAME, LEAST_SILENCE, LEAST_SPEECH, VoiceDetector},
};

/// Milliseconds in a frame.
const FRAME_MS: u64 = 16;

/// Frames in a window, at most (15 s): longer ones cost more encoder time and more words (`docs/benchmarks.md`).
const LONGEST: u64 = 15_000 / FRAME_MS;

/// Frames kept on each side of speech (608 ms): with 0.2 s, soft last syllables are lost, and with 0.3 s the model hears
/// some sentences worse than with the silence that a speaker leaves around them.
const PAD: u64 = 38;

/// Speech that never pauses is cut at the quietest point of so many last frames (4 s).
const CUT_RANGE: u64 = 4_000 / FRAME_MS;

/// Frames averaged to tell how quiet a point is (112 ms), so that a closed consonant does not pass for a pause.
const QUIET_SPAN: usize = 7;

/// Frames that may turn out to belong to speech that begins now.
const LOOKBACK: u64 = PAD + LEAST_SPEECH + LEAST_SILENCE;

/// A piece of the recording to recognise.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    pub start_ms: u64,
    pub end_ms: u64,
    /// 16 kHz mono, -1 to 1.
    pub samples: Vec<f32>,
    /// Where in the recording somebody speaks in it: in order, inside the window.
    pub speech: Vec<Span>,
}

/// A stretch of the recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub start_ms: u64,
    pub end_ms: u64,
}

impl Window {
    /// What of it lies between two places in the recording; `None` if nobody speaks there.
    pub fn within(mut self, from_ms: u64, until_ms: u64) -> Option<Self> {
        let (start_ms, end_ms) = (self.start_ms.max(from_ms), self.end_ms.min(until_ms));
        let cut = |span: Span| Span { start_ms: span.start_ms.max(start_ms), end_ms: span.end_ms.min(end_ms) };
        self.speech = self.speech.into_iter().map(cut).filter(|span| span.start_ms < span.end_ms).collect();
        if self.speech.is_empty() {
            return None;
        }
        let place = |ms: u64| usize::try_from(ms_to_samples(ms - self.start_ms)).unwrap_or(usize::MAX);
        let (first, end) = (place(start_ms), place(end_ms));
        self.samples.truncate(end);
        self.samples.drain(..first.min(self.samples.len()));
        (self.start_ms, self.end_ms) = (start_ms, end_ms);
        Some(self)
    }

    /// How much is spoken in it after this place in the recording.
    pub fn speech_after(&self, ms: u64) -> u64 {
        self.speech.iter().map(|span| span.end_ms.saturating_sub(span.start_ms.max(ms))).sum()
    }
}

/// How windows are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// As much speech in one as is quick to recognise.
    Full,
    /// One for each stretch of speech, where the language may change with the speaker.
    Apart,
}

impl Packing {
    /// Silence of so many frames closes a window.
    const fn longest_pause(self) -> u64 {
        match self {
            // Nothing is gained by recognising it.
            Self::Full => 2_000 / FRAME_MS,
            // People pause for longer before another speaks.
            Self::Apart => 500 / FRAME_MS,
        }
    }
}

/// Finds windows in samples that come in blocks.
pub struct Windower {
    detector: VoiceDetector,
    packing: Packing,
    resume_ms: u64,
    /// Samples short of a frame.
    partial: Vec<i16>,
    kept: VecDeque<Kept>,
    /// The number of the first kept frame.
    first_kept: u64,
    open: Option<Open>,
    /// The frame at which the last window ended: no two windows overlap.
    floor: u64,
}

struct Kept {
    samples: [i16; FRAME],
    power: f32,
}

/// A window that still grows.
struct Open {
    start: u64,
    /// The finished spans of speech.
    spoken: Vec<(u64, u64)>,
    /// Where the span going on began.
    speaking_since: Option<u64>,
}

impl Open {
    /// Where the last finished span of speech ended.
    fn heard_until(&self) -> Option<u64> {
        self.spoken.last().map(|&(_, end)| end)
    }
}

impl Windower {
    /// Windows that end at or before `resume_ms` are found and not given out.
    pub fn new(packing: Packing, resume_ms: u64) -> Self {
        Self {
            detector: VoiceDetector::new(),
            packing,
            resume_ms,
            partial: Vec::with_capacity(FRAME),
            kept: VecDeque::new(),
            first_kept: 0,
            open: None,
            floor: 0,
        }
    }

    /// Everything before this holds no speech that a later window will give.
    pub fn settled_ms(&self) -> u64 {
        let settled = self.next_frame().saturating_sub(LOOKBACK).max(self.floor);
        self.open.as_ref().map_or(settled, |open| open.start) * FRAME_MS
    }

    fn position_ms(&self) -> u64 {
        self.next_frame() * FRAME_MS
    }

    /// Takes the next samples and gives the windows they complete.
    pub fn push(&mut self, samples: &[i16]) -> Vec<Window> {
        let mut partial = std::mem::take(&mut self.partial);
        partial.extend_from_slice(samples);
        let (frames, rest) = partial.as_chunks();
        let windows = frames.iter().filter_map(|frame| self.hear(frame)).collect();
        self.partial = rest.to_vec();
        self.without_known(windows)
    }

    /// The windows still open at the recording's end.
    pub fn finish(mut self) -> Vec<Window> {
        let total_ms = self.position_ms() + samples_to_ms(self.partial.len() as u64);
        let mut windows = Vec::new();
        if !self.partial.is_empty() {
            let mut frame = [0; FRAME];
            frame[..self.partial.len()].copy_from_slice(&self.partial);
            windows.extend(self.hear(&frame));
        }
        if let Some(change) = self.detector.finish() {
            self.note(change);
        }
        windows.extend(self.close());
        for window in &mut windows {
            window.end_ms = window.end_ms.min(total_ms);
            for span in &mut window.speech {
                span.end_ms = span.end_ms.min(total_ms);
            }
        }
        self.without_known(windows)
    }

    fn without_known(&self, mut windows: Vec<Window>) -> Vec<Window> {
        windows.retain(|window| window.end_ms > self.resume_ms);
        windows
    }

    fn next_frame(&self) -> u64 {
        self.first_kept + self.kept.len() as u64
    }

    fn hear(&mut self, frame: &[i16; FRAME]) -> Option<Window> {
        self.kept.push_back(Kept { samples: *frame, power: power(frame) });
        if let Some(change) = self.detector.push(frame) {
            self.note(change);
        }
        let window = self.cut();
        self.forget();
        window
    }

    fn note(&mut self, change: Change) {
        match change {
            Change::Began { start } => {
                let padded = start.saturating_sub(PAD).max(self.floor);
                let open = self.open.get_or_insert(Open { start: padded, spoken: Vec::new(), speaking_since: None });
                open.speaking_since = Some(start);
            }
            Change::Ended { end } => {
                if let Some(open) = &mut self.open
                    && let Some(start) = open.speaking_since.take()
                {
                    open.spoken.push((start, end));
                }
            }
        }
    }

    fn cut(&mut self) -> Option<Window> {
        let open = self.open.as_ref()?;
        match (open.speaking_since, open.heard_until(), self.detector.speaking_until()) {
            (None, Some(heard), _) if self.next_frame() - heard > self.packing.longest_pause() => self.close(),
            (Some(since), heard, Some(until)) if until + PAD - open.start > LONGEST => match heard {
                Some(heard) => Some(self.cut_in_silence(heard, since)),
                None => Some(self.cut_in_speech()),
            },
            _ => None,
        }
    }

    /// Ends the window at its last word. What is being said now opens the next.
    fn cut_in_silence(&mut self, heard_until: u64, speaking_since: u64) -> Window {
        let middle = u64::midpoint(heard_until, speaking_since);
        let window = self.give((heard_until + PAD).min(middle));
        let start = speaking_since.saturating_sub(PAD).max(middle);
        self.open = Some(Open { start, spoken: Vec::new(), speaking_since: Some(speaking_since) });
        window
    }

    fn cut_in_speech(&mut self) -> Window {
        let at = self.quietest();
        self.note(Change::Ended { end: at });
        let window = self.give(at);
        self.open = Some(Open { start: at, spoken: Vec::new(), speaking_since: Some(at) });
        window
    }

    fn close(&mut self) -> Option<Window> {
        let heard = self.open.as_ref()?.heard_until()?;
        let window = self.give((heard + PAD).min(self.next_frame()));
        self.open = None;
        Some(window)
    }

    /// The open window's samples up to frame `end`.
    fn give(&mut self, end: u64) -> Window {
        let start = self.open.as_ref().map_or(end, |open| open.start);
        self.floor = end;
        let frames = self.kept.range(self.kept_index(start)..self.kept_index(end));
        let samples = frames.flat_map(|kept| kept.samples).map(|sample| f32::from(sample) / 32_768.0).collect();
        let spoken = self.open.iter().flat_map(|open| &open.spoken);
        let speech = spoken.map(|&(start, end)| Span { start_ms: start * FRAME_MS, end_ms: end * FRAME_MS }).collect();
        Window { start_ms: start * FRAME_MS, end_ms: end * FRAME_MS, samples, speech }
    }

    /// The middle of the quietest stretch near the end of what is kept.
    fn quietest(&self) -> u64 {
        let from = self.kept_index(self.next_frame().saturating_sub(CUT_RANGE));
        let powers: Vec<f32> = self.kept.range(from..).map(|kept| kept.power).collect();
        let loudness = powers.windows(QUIET_SPAN).map(|stretch| stretch.iter().sum::<f32>());
        let quietest = loudness.enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(index, _)| index);
        self.first_kept + (from + quietest + QUIET_SPAN / 2) as u64
    }

    fn kept_index(&self, frame: u64) -> usize {
        usize::try_from(frame.saturating_sub(self.first_kept)).unwrap_or(usize::MAX).min(self.kept.len())
    }

    fn forget(&mut self) {
        let needed = self.open.as_ref().map_or(u64::MAX, |open| open.start);
        let needed = needed.min(self.next_frame().saturating_sub(LOOKBACK));
        let forgotten = self.kept_index(needed);
        self.kept.drain(..forgotten);
        self.first_kept += forgotten as u64;
    }
}

#[allow(clippy::cast_precision_loss, reason = "a frame is short")]
fn power(frame: &[i16; FRAME]) -> f32 {
    frame.iter().map(|&sample| f32::from(sample).powi(2)).sum::<f32>() / FRAME as f32
}
