//! A page of jobs as callers see it, with all that is told of a job or with what they selected.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use escriba_database::search::{Field, Highlight};
use poem_openapi::{
    Object,
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::{Example, ParseError, ParseFromJSON, ParseResult, ToJSON, Type},
};
use serde_json::Value;

use super::{
    document::LISTED_JOB,
    job_view::{JobView, seconds},
    problem::{Failure, invalid},
};
use crate::app::list_jobs::{Listed, Page};

/// A page of jobs.
#[derive(Debug, Object)]
#[oai(example)]
pub(super) struct JobPage {
    pub(super) items: Vec<ListedJob>,
    /// Send it as `cursor` for the next page, with the same filter and order; null at the end.
    pub(super) next_cursor: Option<String>,
    /// How many jobs there are in all; null unless `count=true` was asked for.
    pub(super) total: Option<u64>,
}

/// A place where a search found something.
#[derive(Debug, Object)]
#[oai(rename = "JobHighlight")]
pub(super) struct HighlightView {
    /// `title`, `file_name` or `text`, which is the transcript.
    field: String,
    /// Where in the recording, in seconds; null unless it is the transcript.
    start: Option<f64>,
    /// One after the other, these are the fragment.
    fragment: Vec<PieceView>,
}

/// A piece of a fragment: plain text, to be escaped like any other.
#[derive(Debug, Object)]
#[oai(rename = "JobHighlightPiece")]
pub(super) struct PieceView {
    text: String,
    /// Whether this piece is what was searched for.
    #[oai(rename = "match")]
    matches: bool,
}

impl From<Highlight> for HighlightView {
    fn from(highlight: Highlight) -> Self {
        let field = match highlight.field {
            Field::Title => "title",
            Field::FileName => "file_name",
            Field::Text => "text",
        };
        let pieces = highlight.pieces.into_iter();
        Self {
            field: field.to_owned(),
            start: highlight.start_ms.map(seconds),
            fragment: pieces.map(|piece| PieceView { text: piece.text, matches: piece.matches }).collect(),
        }
    }
}

/// The fields of a job that a caller selected. Its id is always among them.
#[derive(Debug, Clone)]
pub(super) struct Selection(Arc<BTreeSet<String>>);

impl Selection {
    /// Reads a list separated by commas. Each must be a field that jobs have.
    pub(super) fn read(list: &str) -> Result<Self, Failure> {
        let known = JobView::example().to_json().unwrap_or_default();
        let mut fields = BTreeSet::from(["id".to_owned()]);
        for field in list.split(',').map(str::trim).filter(|field| !field.is_empty()) {
            if known.get(field).is_none() {
                return Err(invalid(
                    "parameter_invalid",
                    &format!("The parameter `fields` is wrong: a job has no field `{field}`."),
                ));
            }
            fields.insert(field.to_owned());
        }
        Ok(Self(Arc::new(fields)))
    }
}

/// A job in a list, told as far as it was selected.
#[derive(Debug)]
pub(super) struct ListedJob {
    job: JobView,
    selection: Option<Selection>,
}

impl Type for ListedJob {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;

    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        LISTED_JOB.into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(LISTED_JOB.to_owned())
    }

    /// The document describes it as a job of which any field but the id may be missing.
    fn register(registry: &mut Registry) {
        registry.create_schema::<Self, _>(LISTED_JOB.to_owned(), |registry| {
            JobView::register(registry);
            MetaSchema::new("object")
        });
    }

    fn as_raw_value(&self) -> Option<&Self::RawValueType> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self::RawElementValueType> + 'a> {
        Box::new(self.as_raw_value().into_iter())
    }
}

impl ToJSON for ListedJob {
    fn to_json(&self) -> Option<Value> {
        let mut job = self.job.to_json()?;
        if let (Some(Selection(fields)), Some(all)) = (&self.selection, job.as_object_mut()) {
            all.retain(|name, _| fields.contains(name));
        }
        Some(job)
    }
}

impl ParseFromJSON for ListedJob {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let job = JobView::parse_from_json(value).map_err(ParseError::propagate)?;
        Ok(Self { job, selection: None })
    }
}

impl JobPage {
    pub(super) fn new(page: Page, selection: Option<&Selection>) -> Self {
        let view = |Listed { job, counts, highlights }: Listed| {
            let mut job = JobView::new(job, counts, None);
            job.highlights = highlights.map(|all| all.into_iter().map(HighlightView::from).collect());
            ListedJob { job, selection: selection.cloned() }
        };
        Self { items: page.jobs.into_iter().map(view).collect(), next_cursor: page.next_cursor, total: page.total }
    }
}

impl Example for JobPage {
    fn example() -> Self {
        let cursor = "AcBSn8O0Q2HpAAZgR3RkQMABmpo-fBt9Uo9kClscLT5P".to_owned();
        let items = vec![ListedJob { job: JobView::example(), selection: None }];
        Self { items, next_cursor: Some(cursor), total: None }
    }
}
