//! Where in its jobs a search found something: pieces of text, told apart into what matches and what stands around it.

use std::collections::{BTreeMap, HashMap};

use escriba_domain::JobId;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Statement, Value,
    entity::prelude::Uuid,
};

use super::{
    query::{Query, Term},
    tokens::{Token, tokens},
};
use crate::{Database, DatabaseError, entity::segment, jobs::Job};

/// Fragments of one transcript that are shown.
const FRAGMENTS: usize = 3;
/// About so many bytes of text stand before and after the first match of a fragment.
const AROUND: usize = 120;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Title,
    FileName,
    /// The transcript.
    Text,
}

/// A place where something was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Highlight {
    pub field: Field,
    /// In a transcript, where the segment starts.
    pub start_ms: Option<u64>,
    /// One after the other they are the fragment.
    pub pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub text: String,
    pub matches: bool,
}

/// Where the query is found in each of the jobs: in titles and file names, and in the first places of transcripts.
/// A phrase that goes on into the next segment has no place of its own.
pub async fn highlights(
    db: &Database,
    query: &Query,
    jobs: &[Job],
) -> Result<HashMap<JobId, Vec<Highlight>>, DatabaseError> {
    let mut found: HashMap<JobId, Vec<Highlight>> = HashMap::new();
    for job in jobs {
        let title = job.labels.title.as_deref().and_then(|title| fragment(query, Field::Title, None, title));
        let file_name = fragment(query, Field::FileName, None, &job.file_name);
        found.insert(job.id, title.into_iter().chain(file_name).collect());
    }
    for (job, start_ms, text) in likely_segments(db, query, jobs).await? {
        let Some(of_job) = found.get_mut(&JobId::from(job)) else { continue };
        let shown = of_job.iter().filter(|highlight| highlight.field == Field::Text).count();
        if shown < FRAGMENTS {
            of_job.extend(fragment(query, Field::Text, Some(start_ms.cast_unsigned()), &text));
        }
    }
    Ok(found)
}

/// The segments of the first chunks of each job that have something of the query.
async fn likely_segments(
    db: &Database,
    query: &Query,
    jobs: &[Job],
) -> Result<Vec<(Uuid, i64, String)>, DatabaseError> {
    if jobs.is_empty() || query.is_empty() {
        return Ok(Vec::new());
    }
    let backend = db.connection.get_database_backend();
    let function = if backend == sea_orm::DbBackend::Postgres { "strpos" } else { "instr" };
    let mut values: Vec<Value> = Vec::new();
    let mut bind = |value: Value| {
        values.push(value);
        format!("${}", values.len())
    };
    let these: Vec<_> = jobs.iter().map(|job| bind(job.id.as_uuid().into())).collect();
    let terms: Vec<_> =
        query.in_parts().map(|words| format!("{function}(words, {}) > 0", bind(words.into()))).collect();
    let sql = format!(
        "SELECT id FROM (SELECT id, ROW_NUMBER() OVER (PARTITION BY job_id ORDER BY position) AS nth \
         FROM search_parts WHERE job_id IN ({}) AND position >= 0 AND ({})) AS found WHERE nth <= {FRAGMENTS}",
        these.join(", "),
        terms.join(" OR ")
    );
    let rows = db.connection.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    let chunks: Vec<Uuid> = rows.iter().map(|row| row.try_get("", "id")).collect::<Result<_, _>>()?;
    let segments = segment::Entity::find()
        .select_only()
        .columns([segment::Column::JobId, segment::Column::StartMs, segment::Column::Text])
        .filter(segment::Column::ChunkId.is_in(chunks))
        .filter(segment::Column::ToVersion.is_null())
        .order_by_asc(segment::Column::JobId)
        .order_by_asc(segment::Column::StartMs)
        .into_tuple()
        .all(&db.connection)
        .await?;
    Ok(segments)
}

/// The part of the text around its first match, if it has one.
fn fragment(query: &Query, field: Field, start_ms: Option<u64>, text: &str) -> Option<Highlight> {
    let found = tokens(text);
    // By where they begin, so that terms that share words are marked once.
    let mut marks: BTreeMap<usize, usize> = BTreeMap::new();
    for term in &query.terms {
        for window in found.windows(term.words.len()).filter(|window| is_match(term, window)) {
            let end = marks.entry(window[0].place.start).or_default();
            *end = (*end).max(window[window.len() - 1].place.end);
        }
    }
    let (&first, _) = marks.first_key_value()?;
    let from = text.floor_char_boundary(first.saturating_sub(AROUND));
    let to = text.ceil_char_boundary((first + AROUND).min(text.len()));
    // Not in the middle of a word, if it can be helped.
    let from =
        found.iter().map(|token| token.place.start).find(|&start| start >= from).filter(|_| from > 0).unwrap_or(from);
    let to = found.iter().map(|token| token.place.end).find(|&end| end >= to).filter(|_| to < text.len()).unwrap_or(to);
    Some(Highlight { field, start_ms, pieces: pieces(text, from, to, &marks) })
}

fn is_match(term: &Term, window: &[Token]) -> bool {
    let last = term.words.len() - 1;
    term.words.iter().zip(window).enumerate().all(|(nth, (word, token))| {
        if term.prefix && nth == last { token.word.starts_with(word.as_str()) } else { token.word == *word }
    })
}

fn pieces(text: &str, from: usize, to: usize, marks: &BTreeMap<usize, usize>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut add = |text: &str, matches| {
        if !text.is_empty() {
            pieces.push(Piece { text: text.to_owned(), matches });
        }
    };
    let mut at = from;
    for (&start, &end) in marks.range(from..to) {
        let (start, end) = (start.max(at), end.min(to));
        if end > at {
            add(&text[at..start], false);
            add(&text[start..end], true);
            at = end;
        }
    }
    add(&text[at..to], false);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(query: &str, text: &str) -> Option<String> {
        let query = Query::parse(query).unwrap();
        let highlight = fragment(&query, Field::Text, None, text)?;
        let show = |piece: &Piece| if piece.matches { format!("[{}]", piece.text) } else { piece.text.clone() };
        Some(highlight.pieces.iter().map(show).collect())
    }

    #[test]
    fn matches_are_marked_as_they_are_written() {
        assert_eq!(marked("jose", "Dijo José: «¡JOSÉ!»").unwrap(), "Dijo [José]: «¡[JOSÉ]!»");
        assert_eq!(marked("pro*", "A project, improved.").unwrap(), "A [project], improved.");
        assert_eq!(marked("\"new york\"", "New: new York, York").unwrap(), "New: [new York], York");
        assert_eq!(marked("york \"new york\"", "new York").unwrap(), "[new York]");
        assert_eq!(marked("会議", "次の会議です").unwrap(), "次の[会議]です");
        assert_eq!(marked("\"new york\"", "york new"), None);
        assert_eq!(marked("a", "<b>A</b> & \u{e000}").unwrap(), "<b>[A]</b> & \u{e000}");
    }

    #[test]
    fn a_long_text_is_cut_between_words_around_its_first_match() {
        let text = format!("{}needle {}", "höy ".repeat(100), "näil ".repeat(100));
        let shown = marked("needle", &text).unwrap();
        assert!(shown.contains("[needle] "), "{shown}");
        assert!(shown.len() < 300 && shown.starts_with("höy ") && shown.ends_with("näil"), "{shown}");
        assert_eq!(marked("x", &"x".repeat(5_000)), None);
    }
}
