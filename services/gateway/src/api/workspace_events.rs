//! `/v1/events`: what happens to all jobs of the workspace, as server-sent events, resumable.

use std::sync::Arc;

use escriba_events::JobEvent;
use poem_openapi::{
    OpenApi,
    param::{Header, Query},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    authentication::{ApiKey, Read},
    document::Group,
    events::{EventsResponse, events, parse_event_id},
    problem::{Failure, failure, invalid},
};
use crate::app::{
    App,
    follow_workspace::{Progress, Wanted, follow_workspace},
    queue_moves::{Watched, with_moves},
};

const PROGRESS: &str = "job.progress";
const MOVED: &str = "queue.moved";

pub struct WorkspaceEventsApi {
    pub(super) app: Arc<App>,
    pub(super) shutdown: CancellationToken,
}

#[OpenApi(tag = "Group::Jobs")]
impl WorkspaceEventsApi {
    /// Follow the workspace
    ///
    /// Server-sent events of all its jobs: those that `/v1/jobs/{id}/events` tells of each, and `queue.moved` when a
    /// waiting job has another place, every few seconds at most. Without an id to go on from they begin now.
    ///
    /// The first event says where you came in and has an `id`: it is `stream.opened`; or `stream.gap`, when what came
    /// after your id is no longer kept, which it is for seven days. After a gap ask `GET /v1/jobs` for what has become
    /// of the jobs. A client that reconnects with the last `id` it saw, in `Last-Event-ID` or `after`, gets each kept
    /// event once and in order, whatever was restarted meanwhile.
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the request")]
    #[oai(path = "/v1/events", method = "get", operation_id = "followWorkspace")]
    async fn follow(
        &self,
        key: ApiKey<Read>,
        /// The `id` of the last event that was received. It counts more than `after`.
        #[oai(name = "Last-Event-ID")]
        last_event_id: Header<Option<String>>,
        /// The `id` of the last event that was received; 0 begins with the oldest that is kept.
        after: Query<Option<u64>>,
        /// Only events of these names, separated by commas, such as `job.completed,job.failed`.
        #[oai(name = "type")]
        types: Query<Option<String>>,
        /// Only events of this job.
        job: Query<Option<Uuid>>,
        /// Whether `job.progress` is told of running jobs; where `type` is given, that says it.
        #[oai(default)]
        progress: Query<bool>,
        /// Whether `queue.moved` is told of waiting jobs; where `type` is given, that says it.
        #[oai(default = "yes")]
        queue: Query<bool>,
    ) -> Result<EventsResponse, Failure> {
        let after = parse_event_id(last_event_id.0)?.or(after.0);
        let names = types.0.as_deref().map(parse_names).transpose()?;
        let names = names.filter(|names| !names.is_empty());
        // Who names what is told has said it all; the two switches are for who names nothing.
        let is_told = |name, usual: bool| names.as_ref().map_or(usual, |names: &Vec<&str>| names.contains(&name));
        let (progress, moves) = (is_told(PROGRESS, progress.0), is_told(MOVED, queue.0));
        let job = job.0.map(Into::into);
        let wanted = Wanted {
            types: kept_types(names.as_deref()),
            job,
            progress: if progress { Progress::Told } else { Progress::LeftOut },
        };
        let happenings = follow_workspace(&self.app, key.0, wanted, after)
            .await
            .map_err(|error| failure(error.kind(), "unavailable", &error))?;
        let watched = Watched { workspace: key.0, job };
        let happenings = if moves { with_moves(happenings, self.app.clone(), watched) } else { happenings };
        Ok(events(happenings, &self.app, key.caller().key, &self.shutdown))
    }
}

const fn yes() -> bool {
    true
}

fn parse_names(list: &str) -> Result<Vec<&str>, Failure> {
    let names: Vec<&str> = list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let is_known = |name: &&str| [PROGRESS, MOVED].contains(name) || kept_type(name).is_some();
    match names.iter().find(|name| !is_known(name)) {
        None => Ok(names),
        Some(unknown) => {
            let kept: Vec<_> = JobEvent::NAMES.iter().map(|name| format!("job.{name}")).collect();
            let detail =
                format!("There are no events `{unknown}`. Known are {}, {PROGRESS} and {MOVED}.", kept.join(", "));
            Err(invalid("event_type_unknown", &detail))
        }
    }
}

/// The kept types among the names; `None` when there is none. All of them are an empty filter.
fn kept_types(names: Option<&[&str]>) -> Option<Vec<&'static str>> {
    let Some(names) = names else { return Some(Vec::new()) };
    let types: Vec<_> = names.iter().filter_map(|name| kept_type(name)).collect();
    (!types.is_empty()).then_some(types)
}

fn kept_type(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix("job.")?;
    JobEvent::NAMES.iter().copied().find(|known| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_choose_what_is_kept_and_what_is_not() {
        assert_eq!(kept_types(None), Some(vec![]), "all of them");
        assert_eq!(kept_types(Some(&["job.failed", MOVED, "job.queued"])), Some(vec!["failed", "queued"]));
        assert_eq!(kept_types(Some(&[MOVED, PROGRESS])), None);
        assert_eq!(parse_names(" job.failed,, queue.moved ").unwrap(), ["job.failed", "queue.moved"]);
        assert!(parse_names("job.failed,failed").is_err());
    }
}
