//! A transcript while a batch is applied to it.

use std::collections::BTreeMap;

use escriba_database::{
    jobs::Job,
    transcripts::{Identified, Key, Stored},
};
use escriba_domain::{Channels, Decoding, EditSummary, Segment, SegmentId};

use super::{
    operation::{At, Change, MAX_SPEAKER_CHARS, MAX_TEXT_CHARS, NewSegment, Operation, OperationError, Place},
    pieces::{join, split},
    substitution::Substitution,
    timing::{fit, realign, spread, tokens},
};

/// A segment of the draft.
struct Drafted {
    id: SegmentId,
    segment: Segment,
    /// Its row in the version before, if it has one.
    row: Option<Key>,
    is_changed: bool,
    /// Somebody gave it its times, which then must not overlap others. Recognised ones may.
    is_placed: bool,
}

pub(super) struct Draft {
    segments: Vec<Drafted>,
    /// Rows whose segments are gone.
    gone: Vec<Key>,
    removed: Vec<SegmentId>,
    summary: EditSummary,
    /// The version that this becomes.
    version: u32,
    made: u32,
    audio_ms: Option<u64>,
    has_words: bool,
    channels: Channels,
}

/// What the version before loses and gets.
pub(super) struct Outcome {
    pub(super) gone: Vec<Key>,
    pub(super) new: Vec<Identified>,
    pub(super) removed: Vec<SegmentId>,
    pub(super) summary: EditSummary,
}

impl Draft {
    pub(super) fn new(stored: Vec<Stored>, job: &Job) -> Self {
        let drafted = |Stored { key, identified: Identified { id, segment } }: Stored| Drafted {
            id,
            segment,
            row: Some(key),
            is_changed: false,
            is_placed: false,
        };
        let mut draft = Self {
            segments: stored.into_iter().map(drafted).collect(),
            gone: Vec::new(),
            removed: Vec::new(),
            summary: EditSummary::default(),
            version: job.transcript_version + 1,
            made: 0,
            audio_ms: job.audio_ms,
            has_words: job.options.word_timestamps,
            channels: job.options.channels,
        };
        draft.sort();
        draft
    }

    pub(super) fn apply(&mut self, operation: &Operation) -> Result<(), OperationError> {
        match operation {
            Operation::Set { id, change } => self.set(id, change),
            Operation::Split { id, place } => self.split(id, *place),
            Operation::Merge { id } => self.merge(id),
            Operation::Delete { id } => {
                let at = self.find(id)?;
                self.remove(at);
                self.summary.deleted += 1;
                Ok(())
            }
            Operation::Insert(new) => self.insert(new),
            Operation::Replace(substitution) => self.replace(substitution),
        }
    }

    fn set(&mut self, id: &SegmentId, change: &Change) -> Result<(), OperationError> {
        let at = self.find(id)?;
        let mut segment = self.segments[at].segment.clone();
        if let Some(text) = &change.text {
            let text = text.trim();
            if text.is_empty() {
                return Err(OperationError::NoText(id.clone()));
            }
            set_text(&mut segment, text)?;
        }
        if let Some(speaker) = &change.speaker {
            segment.speaker = speaker.as_deref().map(checked_speaker).transpose()?.flatten();
        }
        let placed = change.start_ms.is_some() || change.end_ms.is_some();
        if placed {
            segment.start_ms = change.start_ms.unwrap_or(segment.start_ms);
            segment.end_ms = change.end_ms.unwrap_or(segment.end_ms);
            self.check_times(segment.start_ms, segment.end_ms)?;
            fit(&mut segment.words, &(segment.start_ms..segment.end_ms));
        }
        let drafted = &mut self.segments[at];
        drafted.is_changed |= drafted.segment != segment;
        drafted.is_placed |= placed;
        drafted.segment = segment;
        self.summary.set += 1;
        self.sort();
        Ok(())
    }

    fn split(&mut self, id: &SegmentId, place: Place) -> Result<(), OperationError> {
        let at = self.find(id)?;
        let halves = split(&self.segments[at].segment, place);
        let (left, right) = halves.ok_or_else(|| OperationError::NothingToSplit(id.clone()))?;
        let right = self.make(right, false);
        let drafted = &mut self.segments[at];
        drafted.segment = left;
        drafted.is_changed = true;
        self.segments.insert(at + 1, right);
        self.summary.split += 1;
        self.sort();
        Ok(())
    }

    fn merge(&mut self, id: &SegmentId) -> Result<(), OperationError> {
        let at = self.find(id)?;
        let channel = self.segments[at].segment.channel;
        let next = self.segments[at + 1..].iter().position(|other| other.segment.channel == channel);
        let next = at + 1 + next.ok_or_else(|| OperationError::NoNext(id.clone()))?;
        let joined = join(&self.segments[at].segment, &self.segments[next].segment);
        checked_length(&joined.text)?;
        let drafted = &mut self.segments[at];
        drafted.segment = joined;
        drafted.is_changed = true;
        self.remove(next);
        self.summary.merged += 1;
        Ok(())
    }

    fn insert(&mut self, new: &NewSegment) -> Result<(), OperationError> {
        let text = new.text.trim();
        if text.is_empty() {
            return Err(OperationError::NothingToInsert);
        }
        checked_length(text)?;
        self.check_times(new.start_ms, new.end_ms)?;
        if let Some(channel) = new.channel
            && (self.channels == Channels::Mix || channel == 0)
        {
            return Err(OperationError::NoSuchChannel(channel));
        }
        let words = if self.has_words { spread(&tokens(text), &(new.start_ms..new.end_ms)) } else { Vec::new() };
        let segment = Segment {
            index: 0,
            start_ms: new.start_ms,
            end_ms: new.end_ms,
            text: text.to_owned(),
            language: new.language,
            channel: new.channel,
            avg_logprob: 0.0,
            no_speech_prob: 0.0,
            words,
            speaker: new.speaker.as_deref().map(checked_speaker).transpose()?.flatten(),
            decoding: Decoding::default(),
        };
        let made = self.make(segment, true);
        self.segments.push(made);
        self.summary.inserted += 1;
        self.sort();
        Ok(())
    }

    /// A segment that is left without text goes.
    fn replace(&mut self, substitution: &Substitution) -> Result<(), OperationError> {
        let finder = substitution.finder()?;
        for at in (0..self.segments.len()).rev() {
            let Some((text, count)) = finder.apply(&self.segments[at].segment.text) else { continue };
            self.summary.replaced += count;
            if text.trim().is_empty() {
                self.remove(at);
                continue;
            }
            let drafted = &mut self.segments[at];
            let before = drafted.segment.clone();
            set_text(&mut drafted.segment, text.trim())?;
            drafted.is_changed |= drafted.segment != before;
        }
        Ok(())
    }

    fn make(&mut self, segment: Segment, is_placed: bool) -> Drafted {
        let id = SegmentId::made(self.version, self.made);
        self.made += 1;
        Drafted { id, segment, row: None, is_changed: true, is_placed }
    }

    fn remove(&mut self, at: usize) {
        let Drafted { id, row, .. } = self.segments.remove(at);
        // One that was made in this batch was never there.
        if let Some(key) = row {
            self.gone.push(key);
            self.removed.push(id);
        }
    }

    fn find(&self, id: &SegmentId) -> Result<usize, OperationError> {
        let found = self.segments.iter().position(|drafted| drafted.id == *id);
        found.ok_or_else(|| OperationError::NoSuchSegment(id.clone()))
    }

    /// As a version is read.
    fn sort(&mut self) {
        self.segments.sort_by_key(|drafted| (drafted.segment.start_ms, drafted.segment.channel));
    }

    fn check_times(&self, start_ms: u64, end_ms: u64) -> Result<(), OperationError> {
        if start_ms >= end_ms {
            return Err(OperationError::Backwards { start: At(start_ms), end: At(end_ms) });
        }
        match self.audio_ms {
            Some(audio_ms) if end_ms > audio_ms => {
                Err(OperationError::BeyondEnd { length: At(audio_ms), end: At(end_ms) })
            }
            _ => Ok(()),
        }
    }

    /// Looks at the whole once everything is in its place: operations may pass through what would not do in the end.
    pub(super) fn finish(mut self) -> Result<Outcome, OperationError> {
        self.check_overlaps()?;
        let changed: Vec<Drafted> = self.segments.into_iter().filter(|drafted| drafted.is_changed).collect();
        self.gone.extend(changed.iter().filter_map(|drafted| drafted.row));
        let new: Vec<Identified> =
            changed.into_iter().map(|Drafted { id, segment, .. }| Identified { id, segment }).collect();
        self.summary.segments_changed = count(new.len());
        self.summary.segments_removed = count(self.removed.len());
        Ok(Outcome { gone: self.gone, new, removed: self.removed, summary: self.summary })
    }

    /// On each channel, against the one before that lasts longest.
    fn check_overlaps(&self) -> Result<(), OperationError> {
        let mut longest: BTreeMap<Option<u16>, &Drafted> = BTreeMap::new();
        for drafted in &self.segments {
            let before = longest.entry(drafted.segment.channel).or_insert(drafted);
            let (end_ms, start_ms) = (before.segment.end_ms, drafted.segment.start_ms);
            if before.id != drafted.id && end_ms > start_ms && (before.is_placed || drafted.is_placed) {
                let (first, second) = (before.id.clone(), drafted.id.clone());
                return Err(OperationError::Overlap { first, second, end: At(end_ms), start: At(start_ms) });
            }
            if drafted.segment.end_ms >= end_ms {
                *before = drafted;
            }
        }
        Ok(())
    }
}

fn set_text(segment: &mut Segment, text: &str) -> Result<(), OperationError> {
    checked_length(text)?;
    if segment.text.trim() == text {
        return Ok(());
    }
    if !segment.words.is_empty() {
        segment.words = realign(&segment.words, text, &(segment.start_ms..segment.end_ms));
    }
    text.clone_into(&mut segment.text);
    Ok(())
}

fn checked_length(text: &str) -> Result<(), OperationError> {
    let chars = text.chars().count();
    if chars > MAX_TEXT_CHARS { Err(OperationError::TextTooLong(chars)) } else { Ok(()) }
}

/// A name of nothing but spaces is none.
fn checked_speaker(name: &str) -> Result<Option<String>, OperationError> {
    let name = name.trim();
    let chars = name.chars().count();
    if chars > MAX_SPEAKER_CHARS {
        return Err(OperationError::SpeakerTooLong(chars));
    }
    Ok((!name.is_empty()).then(|| name.to_owned()))
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
