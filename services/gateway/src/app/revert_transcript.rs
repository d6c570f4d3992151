//! Goes back to an earlier version of a transcript: its content becomes the newest version, and nothing is lost.

use std::collections::HashSet;

use escriba_database::{
    api_keys::Caller,
    transcripts::{self, Identified, Key, Stored},
};
use escriba_domain::{EditSummary, JobId, SegmentId, VersionOrigin};

use super::{
    App,
    edit_transcript::{EditError, Edited, Expected, lock_for_edit, make_version},
};

pub async fn revert_transcript(
    app: &App,
    caller: Caller,
    id: JobId,
    expected: &Expected,
    version: u32,
) -> Result<Edited, EditError> {
    let tx = app.db.begin().await?;
    let job = lock_for_edit(&tx, caller, id, expected).await?;
    if version == 0 || version > job.transcript_version {
        return Err(EditError::NoSuchVersion(version));
    }
    let now = transcripts::load(&tx, id, job.transcript_version).await?;
    let then = transcripts::load(&tx, id, version).await?;
    let (gone, new, removed) = difference(now, then);
    if gone.is_empty() && new.is_empty() {
        let (version, summary) = (job.transcript_version, EditSummary::default());
        return Ok(Edited { version, changed: Vec::new(), removed: Vec::new(), summary });
    }
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let summary = EditSummary {
        segments_changed: count(new.len()),
        segments_removed: count(removed.len()),
        ..EditSummary::default()
    };
    let made = (VersionOrigin::Revert, Some(version), summary);
    let version = make_version(&tx, &job, caller.key, (&gone, &new), made).await?;
    tx.commit().await?;
    Ok(Edited { version, changed: new, removed, summary })
}

/// The rows of today's version that are in its way, the segments that it had otherwise, and those that it had not.
fn difference(now: Vec<Stored>, then: Vec<Stored>) -> (Vec<Key>, Vec<Identified>, Vec<SegmentId>) {
    let rows = |version: &[Stored]| version.iter().map(|stored| stored.key).collect::<HashSet<_>>();
    let (rows_now, rows_then) = (rows(&now), rows(&then));
    let ids_then: HashSet<SegmentId> = then.iter().map(|stored| stored.identified.id.clone()).collect();
    let gone: Vec<Stored> = now.into_iter().filter(|stored| !rows_then.contains(&stored.key)).collect();
    let new = then.into_iter().filter(|stored| !rows_now.contains(&stored.key)).map(|stored| stored.identified);
    let removed = gone.iter().map(|stored| &stored.identified.id).filter(|id| !ids_then.contains(*id)).cloned();
    (gone.iter().map(|stored| stored.key).collect(), new.collect(), removed.collect())
}
