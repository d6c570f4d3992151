//! Puts what was heard of a span the second time in the place of what is there: a new version of the transcript, from
//! which there is a way back as from any other.

use escriba_database::{
    DatabaseError, Transaction,
    jobs::{self, Job},
    transcripts::{self, Identified, Key, Stored},
};
use escriba_domain::{EditSummary, Redo, Segment, SegmentId, VersionOrigin};

use super::edit_transcript::make_version;

/// The transaction holds the lock of the job that heard the span. Segments that were edited since it began are replaced
/// where most of them lies in the span.
pub(super) async fn place_redo(tx: &Transaction, heard: &Job, redo: &Redo) -> Result<(), DatabaseError> {
    let Some(whole) = jobs::lock(tx, redo.of).await? else { return Ok(()) };
    let stored = transcripts::load(tx, whole.id, whole.transcript_version).await?;
    let gone: Vec<Key> = stored.iter().filter(|stored| is_replaced(stored, redo)).map(|stored| stored.key).collect();
    let version = whole.transcript_version + 1;
    let said = transcripts::load(tx, heard.id, heard.transcript_version).await?;
    let said = said.into_iter().filter_map(|said| within(said.identified.segment, redo));
    let new: Vec<Identified> =
        (0..).zip(said).map(|(nth, segment)| Identified { id: SegmentId::made(version, nth), segment }).collect();
    if gone.is_empty() && new.is_empty() {
        return Ok(());
    }
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let summary = EditSummary {
        segments_changed: count(new.len()),
        segments_removed: count(gone.len()),
        ..EditSummary::default()
    };
    make_version(tx, &whole, redo.by, (&gone, &new), (VersionOrigin::Redo, None, summary)).await?;
    Ok(())
}

fn is_replaced(stored: &Stored, redo: &Redo) -> bool {
    let Segment { start_ms, end_ms, .. } = stored.identified.segment;
    (redo.from_ms..redo.to_ms).contains(&start_ms.midpoint(end_ms))
}

/// What lies in the span of a segment; `None` if that is nothing.
fn within(mut segment: Segment, redo: &Redo) -> Option<Segment> {
    segment.start_ms = segment.start_ms.max(redo.from_ms);
    segment.end_ms = segment.end_ms.min(redo.to_ms);
    for word in &mut segment.words {
        word.start_ms = word.start_ms.clamp(redo.from_ms, redo.to_ms);
        word.end_ms = word.end_ms.clamp(redo.from_ms, redo.to_ms);
    }
    (segment.start_ms < segment.end_ms).then_some(segment)
}

#[cfg(test)]
mod tests {
    use escriba_domain::{ApiKeyId, JobId, Word};
    use escriba_test_support::segment;

    use super::*;

    #[test]
    fn what_reaches_out_of_the_span_is_held_within() {
        let (of, by) = (JobId::new(), ApiKeyId::new());
        let redo = Redo { of, from_ms: 1_000, to_ms: 3_000, by, given_language: None };
        let word = Word { start_ms: 2_500, end_ms: 3_200, text: "late".to_owned(), probability: 1.0 };
        let late = Segment { start_ms: 900, end_ms: 3_200, words: vec![word], ..segment(0) };
        let held = within(late.clone(), &redo).unwrap();
        assert_eq!((held.start_ms, held.end_ms, held.words[0].end_ms), (1_000, 3_000, 3_000));
        assert_eq!(within(Segment { start_ms: 3_000, ..late }, &redo), None);
    }
}
