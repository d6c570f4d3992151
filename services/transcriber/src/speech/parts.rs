//! Plans a long recording: collects its windows into parts of a few minutes of speech, each cut between windows, so that
//! a part is heard exactly as in one piece with the rest. It settles the language on the way, for all parts alike, and
//! stores nothing.

use std::sync::{Arc, atomic::AtomicBool};

use escriba_domain::Language;

use super::{
    engine::{Answer, Engine},
    languages::Poll,
    pipeline::{Listening, Outcome, PipelineError, Plan},
    recognizer::RecognizeOptions,
    search::{ForPlayers, Found},
    stored::StoredWindow,
    windower::Window,
};
use crate::media::DecodeSummary;

/// So many windows are heard for their language; a recording that has no text in them is left to its parts.
const MOST_HEARD: usize = 8;

/// A part and where in the recording it lies: from where the one before ends, to where the next starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartSpan {
    /// From 1.
    pub position: u32,
    pub start_ms: u64,
    pub end_ms: u64,
    /// How much there is to recognise.
    pub work_ms: u64,
}

/// A part with its speech.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundPart {
    pub span: PartSpan,
    pub windows: Vec<StoredWindow>,
    /// Once it is settled.
    pub language: Option<Language>,
}

/// Plans one recording, part by part.
pub struct Planner {
    listening: Listening,
    collected: Collected,
    language: Option<Asked>,
    settled: Option<Language>,
    end: Option<(DecodeSummary, Option<ForPlayers>)>,
}

/// The question which language is spoken.
struct Asked {
    poll: Poll,
    options: Arc<RecognizeOptions>,
    cancel: Arc<AtomicBool>,
    heard: usize,
}

impl Planner {
    /// `planned` is how many parts an earlier attempt planned, the last of which ends at the plan's resume point.
    pub fn new(listening: Listening, plan: Plan, planned: u32, part_ms: u64, cancel: &Arc<AtomicBool>) -> Self {
        let settled = plan.options.language;
        let is_open = settled.is_none() && !plan.multilingual;
        let asked = Asked { poll: Poll::new(None), options: Arc::new(plan.options), cancel: cancel.clone(), heard: 0 };
        Self {
            listening,
            collected: Collected { windows: Vec::new(), position: planned, start_ms: plan.resume_ms, part_ms },
            language: is_open.then_some(asked),
            settled,
            end: None,
        }
    }

    /// Whether recognition is needed to learn the language.
    pub fn needs_engine(&self) -> bool {
        self.language.is_some()
    }

    /// The next part; `None` at the recording's end. Without an engine no language is learnt.
    pub async fn next(&mut self, engine: Option<&Engine>) -> Result<Option<FoundPart>, PipelineError> {
        while self.end.is_none() {
            let cut = match self.listening.found.recv().await.unwrap_or(Err(PipelineError::Canceled))? {
                Found::Window { window, channel, searched_ms } => {
                    if let Some(engine) = engine {
                        self.learn_language(&window, engine).await?;
                    }
                    self.collected.take(StoredWindow { window, channel }, searched_ms)
                }
                Found::Info { .. } | Found::Silence { .. } => None,
                Found::End { summary, players } => {
                    let rest = self.collected.finish(summary.audio_ms);
                    self.end = Some((summary, players));
                    rest
                }
            };
            if let Some((span, windows)) = cut {
                return Ok(Some(FoundPart { span, windows, language: self.settled }));
            }
        }
        Ok(None)
    }

    /// How the whole recording went, after its last part.
    pub fn finish(self) -> Result<Outcome, PipelineError> {
        let (DecodeSummary { audio_ms, warnings }, players) = self.end.ok_or(PipelineError::Canceled)?;
        Ok(Outcome { audio_ms, language: self.settled, warnings, players })
    }

    async fn learn_language(&mut self, window: &Window, engine: &Engine) -> Result<(), PipelineError> {
        let Some(asked) = &mut self.language else { return Ok(()) };
        let answer = engine.recognize(window.clone(), asked.options.clone(), asked.cancel.clone()).await;
        let Answer { text, .. } = answer.ok_or(PipelineError::EngineDied)?;
        let text = text?;
        asked.heard += 1;
        if !text.segments.is_empty() {
            asked.poll.hear(text.language);
        }
        self.settled = asked.poll.settled();
        if self.settled.is_some() || asked.heard >= MOST_HEARD {
            self.language = None;
        }
        Ok(())
    }
}

/// Windows that are not in a part yet.
struct Collected {
    windows: Vec<StoredWindow>,
    /// Of the last part given out.
    position: u32,
    /// Where the next part starts.
    start_ms: u64,
    part_ms: u64,
}

type Cut = (PartSpan, Vec<StoredWindow>);

impl Collected {
    /// No window that comes later starts before `searched_ms`. Gives a part once there is enough for one.
    fn take(&mut self, stored: StoredWindow, searched_ms: u64) -> Option<Cut> {
        self.windows.push(stored);
        let work_ms = self.work_before(searched_ms);
        let is_across =
            |stored: &StoredWindow| stored.window.start_ms < searched_ms && stored.window.end_ms > searched_ms;
        // Channels that talk without a common pause are cut in the end where a window of one of them is split.
        let is_enough = work_ms >= self.part_ms && !self.windows.iter().any(is_across);
        (is_enough || work_ms >= self.part_ms + self.part_ms / 4).then(|| self.cut(searched_ms))
    }

    fn finish(&mut self, audio_ms: u64) -> Option<Cut> {
        (!self.windows.is_empty()).then(|| self.cut(audio_ms.max(self.start_ms)))
    }

    fn work_before(&self, ms: u64) -> u64 {
        let before = self.windows.iter().filter(|stored| stored.window.start_ms < ms);
        before.map(|stored| stored.window.end_ms - stored.window.start_ms).sum()
    }

    /// Gives out what starts before `end_ms`. A window across it is for the next part too.
    fn cut(&mut self, end_ms: u64) -> Cut {
        let work_ms = self.work_before(end_ms);
        let mut windows = std::mem::take(&mut self.windows);
        windows.sort_by_key(|stored| (stored.window.start_ms, stored.channel));
        self.windows = windows.iter().filter(|stored| stored.window.end_ms > end_ms).cloned().collect();
        windows.retain(|stored| stored.window.start_ms < end_ms);
        self.position += 1;
        let span = PartSpan { position: self.position, start_ms: self.start_ms, end_ms, work_ms };
        self.start_ms = end_ms;
        (span, windows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collected() -> Collected {
        Collected { windows: Vec::new(), position: 0, start_ms: 0, part_ms: 20_000 }
    }

    fn window(channel: u16, start_ms: u64, end_ms: u64) -> StoredWindow {
        let window = Window { start_ms, end_ms, samples: Vec::new(), speech: Vec::new() };
        StoredWindow { window, channel: (channel > 0).then_some(channel) }
    }

    fn starts(cut: &Cut) -> Vec<u64> {
        cut.1.iter().map(|stored| stored.window.start_ms).collect()
    }

    #[test]
    fn parts_follow_each_other_and_hold_whole_windows() {
        let mut collected = collected();
        assert_eq!(collected.take(window(0, 1_000, 15_000), 15_500), None);
        let first = collected.take(window(0, 16_000, 30_000), 30_200).unwrap();
        assert_eq!(first.0, PartSpan { position: 1, start_ms: 0, end_ms: 30_200, work_ms: 28_000 });
        assert_eq!(collected.take(window(0, 90_000, 95_000), 96_000), None);
        let last = collected.finish(200_000).unwrap();
        assert_eq!(last.0, PartSpan { position: 2, start_ms: 30_200, end_ms: 200_000, work_ms: 5_000 });
        assert_eq!((starts(&first), starts(&last)), (vec![1_000, 16_000], vec![90_000]));
        assert_eq!(collected.finish(200_000), None);
    }

    #[test]
    fn channels_are_cut_in_a_common_pause_if_there_is_one() {
        let mut collected = collected();
        assert_eq!(collected.take(window(1, 0, 12_000), 5_000), None);
        assert_eq!(collected.take(window(2, 5_000, 14_000), 12_000), None);
        // Enough by now, but the second channel goes on.
        assert_eq!(collected.take(window(1, 12_000, 13_000), 13_500), None);
        let cut = collected.take(window(2, 14_500, 15_000), 14_200).unwrap();
        assert_eq!((cut.0.end_ms, starts(&cut)), (14_200, vec![0, 5_000, 12_000]));
        assert_eq!(collected.windows.len(), 1, "a window that starts later waits for the next part");
    }

    #[test]
    fn channels_without_a_common_pause_share_a_window() {
        let mut collected = collected();
        let mut cut = None;
        for n in 0.. {
            let (channel, start) = (u16::try_from(n % 2 + 1).unwrap(), n * 6_000);
            cut = collected.take(window(channel, start, start + 11_000), start + 6_000);
            if cut.is_some() {
                break;
            }
        }
        let (span, windows) = cut.unwrap();
        let last = windows.last().unwrap();
        assert!(last.window.end_ms > span.end_ms, "it is across the cut");
        assert_eq!(collected.windows.first(), Some(last));
        assert!(span.work_ms >= 25_000);
    }
}
