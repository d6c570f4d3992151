//! `PATCH /v1/jobs/{id}`: what of a job's labels changes, by the rules of JSON merge patch (RFC 7396).

use std::collections::BTreeMap;

use poem_openapi::{
    Object,
    types::{Example, MaybeUndefined},
};

use super::text::Text;
use crate::app::relabel_job::{Change, LabelChanges};

/// What is left out stays as it is; what is null is removed.
#[derive(Debug, Object)]
#[oai(example, deny_unknown_fields)]
pub(super) struct JobPatch {
    /// A title of at most 200 characters.
    title: MaybeUndefined<Text>,
    /// All tags from now on: at most 32 of 1 to 64 characters each, without commas.
    tags: MaybeUndefined<Vec<Text>>,
    /// Keys to set, and, with null as their value, keys to remove. Keys that are not named stay. Afterwards there may
    /// be 16 keys of at most 64 characters with values of at most 1000.
    metadata: MaybeUndefined<BTreeMap<String, Option<Text>>>,
}

impl Example for JobPatch {
    fn example() -> Self {
        Self {
            title: MaybeUndefined::Value("Interview with the mayor".into()),
            tags: MaybeUndefined::Value(vec!["radio".into(), "2026".into()]),
            metadata: MaybeUndefined::Value(BTreeMap::from([("customer".to_owned(), Some("4711".into()))])),
        }
    }
}

impl From<JobPatch> for LabelChanges {
    fn from(patch: JobPatch) -> Self {
        let texts = |tags: Vec<Text>| tags.into_iter().map(|tag| tag.0).collect();
        let values = |metadata: BTreeMap<String, Option<Text>>| {
            metadata.into_iter().map(|(key, value)| (key, value.map(|value| value.0))).collect()
        };
        Self {
            title: change(patch.title, |title| title.0),
            tags: change(patch.tags, texts),
            metadata: change(patch.metadata, values),
        }
    }
}

fn change<S, T>(sent: MaybeUndefined<S>, read: impl FnOnce(S) -> T) -> Change<T> {
    match sent {
        MaybeUndefined::Undefined => Change::Keep,
        MaybeUndefined::Null => Change::Remove,
        MaybeUndefined::Value(value) => Change::Set(read(value)),
    }
}
