//! A job's segments as they become final, in the order of the recording, each once. The database has them; events only
//! tell when to look.

use std::sync::Arc;

use async_stream::stream;
use escriba_database::{
    DatabaseError,
    jobs::Job,
    transcripts::{self, Place},
};
use escriba_domain::{JobId, Segment, WorkspaceId};
use futures_util::{Stream, StreamExt, TryStreamExt};

use super::{
    App,
    await_job::{AwaitError, outcome},
    watch_job::{Step, watch_job},
};

/// One thing that is heard of a transcript.
#[derive(Debug)]
pub enum Heard {
    /// What comes next.
    Segments(Vec<Segment>),
    /// Last of all: the job as it stands once it is completed.
    End(Result<Box<Job>, AwaitError>),
}

/// Ends with [`Heard::End`]. Segments that were final before come first.
pub fn follow_transcript(app: Arc<App>, workspace: WorkspaceId, id: JobId) -> impl Stream<Item = Heard> + Send {
    stream! {
        let mut after = None;
        let mut steps = Box::pin(watch_job(app.clone(), workspace, id));
        while let Some(step) = steps.next().await {
            match step {
                Step::Grown => match read(&app, id, &mut after).await {
                    Ok(segments) if segments.is_empty() => {}
                    Ok(segments) => yield Heard::Segments(segments),
                    Err(error) => {
                        tracing::warn!(%error, job = %id, "segments could not be read; the next look reads them");
                    }
                },
                // Where it did not come to a good end, parts may be missing between the rest.
                Step::Over(job) => match outcome(job) {
                    Ok(job) => match read(&app, id, &mut after).await {
                        Ok(segments) => {
                            if !segments.is_empty() {
                                yield Heard::Segments(segments);
                            }
                            yield Heard::End(Ok(Box::new(job)));
                        }
                        Err(error) => yield Heard::End(Err(error.into())),
                    },
                    Err(error) => yield Heard::End(Err(error)),
                },
            }
        }
    }
}

/// What is there beyond `after`, which moves on.
async fn read(app: &App, id: JobId, after: &mut Option<Place>) -> Result<Vec<Segment>, DatabaseError> {
    let new: Vec<(Place, Segment)> = transcripts::segments_after(&app.db, id, *after).try_collect().await?;
    if let Some((place, _)) = new.last() {
        *after = Some(*place);
    }
    Ok(new.into_iter().map(|(_, segment)| segment).collect())
}
