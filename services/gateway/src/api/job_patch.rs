//! `PATCH /v1/jobs/{id}`: what of a job's labels changes, by the rules of JSON merge patch (RFC 7396).

use std::collections::BTreeMap;

use poem_openapi::{
    Object,
    types::{Example, MaybeUndefined},
};

use crate::app::relabel_job::{Change, LabelChanges};

/// What is left out stays as it is; what is null is removed.
#[derive(Debug, Object)]
#[oai(example, deny_unknown_fields)]
pub(super) struct JobPatch {
    /// A title of at most 200 characters.
    title: MaybeUndefined<String>,
    /// All tags from now on: at most 32 of 1 to 64 characters each, without commas.
    tags: MaybeUndefined<Vec<String>>,
    /// Keys to set, and, with null as their value, keys to remove. Keys that are not named stay. Afterwards there may
    /// be 16 keys of at most 64 characters with values of at most 1000.
    metadata: MaybeUndefined<BTreeMap<String, Option<String>>>,
}

impl Example for JobPatch {
    fn example() -> Self {
        Self {
            title: MaybeUndefined::Value("Interview with the mayor".to_owned()),
            tags: MaybeUndefined::Value(vec!["radio".to_owned(), "2026".to_owned()]),
            metadata: MaybeUndefined::Value(BTreeMap::from([("customer".to_owned(), Some("4711".to_owned()))])),
        }
    }
}

impl From<JobPatch> for LabelChanges {
    fn from(patch: JobPatch) -> Self {
        Self { title: change(patch.title), tags: change(patch.tags), metadata: change(patch.metadata) }
    }
}

fn change<T>(sent: MaybeUndefined<T>) -> Change<T> {
    match sent {
        MaybeUndefined::Undefined => Change::Keep,
        MaybeUndefined::Null => Change::Remove,
        MaybeUndefined::Value(value) => Change::Set(value),
    }
}
