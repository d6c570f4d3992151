//! Which jobs are meant: the parameters of a list, and the same names in the body of a request about many.

use chrono::{DateTime, Utc};
use escriba_database::{
    jobs::{Filter, Order, SortKey},
    search::Query,
};
use escriba_domain::split_tags;
use poem_openapi::{Object, types::Example};

use super::{
    job_view,
    problem::{Failure, invalid},
    text::Text,
};

/// Which jobs. What is left out leaves none out.
#[derive(Debug, Default, Object)]
#[oai(example, deny_unknown_fields)]
pub(super) struct JobFilter {
    /// In any of these states: `queued`, `running`, `completed`, `failed`, `canceled`.
    #[oai(default)]
    pub(super) state: Vec<Text>,
    /// In this language, given or detected.
    pub(super) language: Option<Text>,
    /// For this model.
    pub(super) model: Option<Text>,
    /// In this lane: `interactive` or `batch`.
    pub(super) lane: Option<Text>,
    /// With all of these tags.
    #[oai(default)]
    pub(super) tag: Vec<Text>,
    /// With a recording of at least so many seconds.
    pub(super) min_duration: Option<f64>,
    /// With a recording of at most so many seconds.
    pub(super) max_duration: Option<f64>,
    /// Submitted at this time or later.
    pub(super) created_after: Option<DateTime<Utc>>,
    /// Submitted before this time.
    pub(super) created_before: Option<DateTime<Utc>>,
    /// With these words in title, file name or transcript. `"…"` is a phrase, `begin*` a beginning; everything else is
    /// text. Case and accents do not count.
    pub(super) q: Option<Text>,
}

impl Example for JobFilter {
    fn example() -> Self {
        Self { state: vec!["failed".into()], tag: vec!["radio".into()], ..Self::default() }
    }
}

impl JobFilter {
    /// In the domain's words.
    pub(super) fn read(&self) -> Result<Filter, Failure> {
        let states = self.state.iter().flat_map(|list| list.split(','));
        let tags = self.tag.iter().flat_map(|list| split_tags(list)).map(str::to_owned);
        let mut filter = Filter {
            states: states.map(|state| parse("state", state)).collect::<Result<_, _>>()?,
            language: self.language.as_deref().map(|text| parse("language", text)).transpose()?,
            model: self.model.as_deref().map(|text| parse("model", text)).transpose()?,
            lane: self.lane.as_deref().map(|text| parse("lane", text)).transpose()?,
            tags: tags.collect(),
            min_audio_ms: self.min_duration.map(|seconds| millis("min_duration", seconds)).transpose()?,
            max_audio_ms: self.max_duration.map(|seconds| millis("max_duration", seconds)).transpose()?,
            created_after: self.created_after,
            created_before: self.created_before,
            search: self.q.as_deref().filter(|text| !text.is_empty()).map(query).transpose()?,
        };
        // However they are written, the same jobs are meant, and the same cursors are good.
        filter.states.sort_by_key(|state| state.as_str());
        filter.states.dedup();
        filter.tags.sort();
        filter.tags.dedup();
        if filter.tags.len() > escriba_domain::MAX_TAGS {
            return Err(invalid("tags_invalid", "So many tags no job has. Ask for at most 32."));
        }
        Ok(filter)
    }
}

/// `created_at`, `-created_at` and so on: a minus is from the largest down.
pub(super) fn order(text: &str) -> Result<Order, Failure> {
    let (descending, name) = text.strip_prefix('-').map_or((false, text), |name| (true, name));
    let key = match name {
        "created_at" => SortKey::Created,
        "finished_at" => SortKey::Finished,
        "duration" => SortKey::Duration,
        _ => {
            let known = "created_at, finished_at and duration, and each with a minus before it";
            return Err(invalid("parameter_invalid", &format!("The parameter `sort` is wrong: known are {known}.")));
        }
    };
    Ok(Order { key, descending })
}

fn query(text: &str) -> Result<Query, Failure> {
    Query::parse(text).map_err(|error| invalid("search_too_long", &error.to_string()))
}

fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(name: &str, text: &str) -> Result<T, Failure> {
    text.trim()
        .parse()
        .map_err(|error| invalid("parameter_invalid", &format!("The parameter `{name}` is wrong: {error}.")))
}

fn millis(name: &str, seconds: f64) -> Result<u64, Failure> {
    let why = || format!("The parameter `{name}` is wrong: it is a number of seconds from 0 on.");
    job_view::millis(seconds).ok_or_else(|| invalid("parameter_invalid", &why()))
}
