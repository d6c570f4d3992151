//! Where somebody speaks, frame by frame. It gives bare spans of frames; padding and packing are the windower's.
//! The same samples always give the same spans, however they were cut into blocks: resuming relies on it.

/// Samples in a frame: what `earshot` was trained on, 16 ms.
pub(super) const FRAME: usize = 256;

/// Speech starts at a frame this likely to be voice…
const START: f32 = 0.5;

/// …and goes on while frames stay above this, so that a soft syllable does not end it.
const GO_ON: f32 = 0.35;

/// Fewer frames than this are a click or a cough, not speech (96 ms).
pub(super) const LEAST_SPEECH: u64 = 6;

/// Speech ends after so many frames without voice (320 ms): shorter pauses lie within a sentence.
pub(super) const LEAST_SILENCE: u64 = 20;

/// What a frame changed. Frames count from the start of the recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Speech goes on since frame `start`. Said once enough of it has been heard.
    Began { start: u64 },
    /// The speech begun last stopped before frame `end`.
    Ended { end: u64 },
}

/// Finds the spans of speech.
pub(super) struct VoiceDetector {
    scorer: Box<earshot::Detector>,
    spans: Spans,
}

impl VoiceDetector {
    pub(super) fn new() -> Self {
        Self { scorer: Box::default(), spans: Spans::default() }
    }

    pub(super) fn push(&mut self, frame: &[i16; FRAME]) -> Option<Change> {
        let score = self.scorer.predict_i16(frame);
        self.spans.push(score)
    }

    /// The frame after the last one that held voice, while somebody speaks.
    pub(super) fn speaking_until(&self) -> Option<u64> {
        self.spans.current.filter(|span| span.announced).map(|span| span.end)
    }

    /// Ends the speech going on at the recording's end.
    pub(super) fn finish(&mut self) -> Option<Change> {
        self.spans.current.take().filter(|span| span.announced).map(|span| Change::Ended { end: span.end })
    }
}

/// Scores to spans.
#[derive(Default)]
struct Spans {
    /// The number of the next frame.
    next: u64,
    current: Option<Span>,
}

#[derive(Clone, Copy)]
struct Span {
    start: u64,
    end: u64,
    announced: bool,
}

impl Spans {
    fn push(&mut self, score: f32) -> Option<Change> {
        let frame = self.next;
        self.next += 1;
        let Some(span) = &mut self.current else {
            if score >= START {
                self.current = Some(Span { start: frame, end: frame + 1, announced: false });
            }
            return None;
        };
        if score >= GO_ON {
            span.end = frame + 1;
            if !span.announced && span.end - span.start >= LEAST_SPEECH {
                span.announced = true;
                return Some(Change::Began { start: span.start });
            }
            return None;
        }
        if frame + 1 - span.end < LEAST_SILENCE {
            return None;
        }
        let ended = *span;
        self.current = None;
        ended.announced.then_some(Change::Ended { end: ended.end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(scores: &[(f32, usize)]) -> Vec<Change> {
        let mut spans = Spans::default();
        let each = scores.iter().flat_map(|&(score, count)| std::iter::repeat_n(score, count));
        each.filter_map(|score| spans.push(score)).collect()
    }

    #[test]
    fn speech_is_what_lasts_and_survives_short_pauses() {
        let heard = changes(&[(0.0, 10), (0.9, 30), (0.1, 10), (0.4, 10), (0.0, 40), (0.9, 30), (0.0, 30)]);
        let (first, second) = (Change::Began { start: 10 }, Change::Began { start: 100 });
        assert_eq!(heard, [first, Change::Ended { end: 60 }, second, Change::Ended { end: 130 }]);
    }

    #[test]
    fn a_click_is_no_speech_and_neither_is_a_murmur() {
        assert_eq!(changes(&[(0.0, 10), (0.9, 4), (0.0, 40)]), []);
        assert_eq!(changes(&[(0.45, 200)]), []);
    }
}
