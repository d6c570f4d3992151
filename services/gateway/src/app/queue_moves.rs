//! Tells those who follow jobs how these move up while they wait. Computed for who listens, now and then; nothing of
//! it is kept.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_stream::stream;
use escriba_database::{DatabaseError, jobs};
use escriba_domain::{JobId, WorkspaceId};
use futures_util::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use tokio::time::{MissedTickBehavior, interval};

use super::{
    App,
    follow_job::Happening,
    look_at_queue::{Place, place_of, places_of_workspace},
};

const LOOK_EVERY: Duration = Duration::from_secs(3);

/// Whose places are watched.
#[derive(Debug, Clone, Copy)]
pub struct Watched {
    pub workspace: WorkspaceId,
    /// One job, or all that stand near the front.
    pub job: Option<JobId>,
}

/// A waiting job has another place than before, or a first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    pub job: JobId,
    pub place: Place,
}

/// What happens, and in between how jobs move up. Ends when the first of the two does.
pub fn with_moves(
    happenings: BoxStream<'static, Happening>,
    app: Arc<App>,
    watched: Watched,
) -> BoxStream<'static, Happening> {
    let ending = happenings.map(Some).chain(stream::once(std::future::ready(None)));
    let moves = moves(app, watched).map(|moved| Some(Happening::Moved(moved)));
    let both = stream::select(ending, moves);
    both.take_while(|happening| std::future::ready(happening.is_some())).filter_map(std::future::ready).boxed()
}

fn moves(app: Arc<App>, watched: Watched) -> impl Stream<Item = Moved> + Send {
    stream! {
        let mut known = BTreeMap::new();
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            match look(&app, watched).await {
                Ok(places) => {
                    for moved in news(&mut known, places) {
                        yield moved;
                    }
                }
                Err(error) => tracing::debug!(%error, "nobody was told of places in the queue"),
            }
        }
    }
}

async fn look(app: &App, watched: Watched) -> Result<Vec<(JobId, Place)>, DatabaseError> {
    let Some(id) = watched.job else {
        return places_of_workspace(app, watched.workspace).await;
    };
    let Some(job) = jobs::find(&app.db, watched.workspace, id).await? else {
        return Ok(Vec::new());
    };
    Ok(place_of(app, &job).await?.map(|place| (id, place)).into_iter().collect())
}

/// Whose place is another than before. That the time to completion runs out is no news; that it became known is.
fn news(known: &mut BTreeMap<JobId, Place>, places: Vec<(JobId, Place)>) -> Vec<Moved> {
    let kind = |place: &Place| (place.position, place.time_to_completion_ms.is_some());
    let is_news = |(job, place): &&(JobId, Place)| known.get(job).is_none_or(|before| kind(before) != kind(place));
    let moved = places.iter().filter(is_news).map(|&(job, place)| Moved { job, place }).collect();
    *known = places.into_iter().collect();
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_moves_are_news() {
        let (one, other) = (JobId::new(), JobId::new());
        let at = |position, time_to_completion_ms| Place { position, time_to_completion_ms };
        let mut known = BTreeMap::new();
        let mut tell = |places: &[(JobId, Place)]| {
            news(&mut known, places.to_vec())
                .into_iter()
                .map(|moved| (moved.job, moved.place.position))
                .collect::<Vec<_>>()
        };
        assert_eq!(tell(&[(one, at(1, None)), (other, at(2, None))]), [(one, 1), (other, 2)]);
        assert_eq!(tell(&[(one, at(1, None)), (other, at(2, None))]), []);
        assert_eq!(tell(&[(one, at(1, Some(900))), (other, at(2, None))]), [(one, 1)]);
        assert_eq!(tell(&[(one, at(1, Some(500))), (other, at(2, None))]), []);
        assert_eq!(tell(&[(other, at(1, None))]), [(other, 1)]);
        assert_eq!(tell(&[(one, at(2, Some(500))), (other, at(1, None))]), [(one, 2)], "it waits again");
    }
}
