//! Lists as SQL. Each is written so that an index of its own gives it in order, whatever it is that is rare: one state
//! at a time, the first tag before the jobs. Nothing a caller sent is ever part of the text.
//!
//! How common a word is, PostgreSQL guesses badly, and a bad guess makes it read a whole table. A subquery in the place
//! of a value leaves it no choice but to look into the index of the other table, row by row, until the page is full.

use chrono::DateTime;
use escriba_domain::{JobState, WorkspaceId};
use sea_orm::{DbBackend, Value};

use super::{Filter, Order, Place, SortKey};
use crate::search::Query;

/// So many jobs at the head of a list are looked through for words that may be common.
const HEAD: u64 = 4_000;
/// A tag that so many jobs have is not looked through for those of a state.
pub(super) const MANY: i64 = 1_000;

/// A statement and what stands for its `$1`, `$2`, ….
#[derive(Debug, Default)]
pub(super) struct Sql {
    pub(super) text: String,
    pub(super) values: Vec<Value>,
}

impl Sql {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// The text, with the value in place of its `?`.
    fn push_with(&mut self, text: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        let (before, after) = text.split_once('?').unwrap_or((text, ""));
        let place = format!("{before}${}{after}", self.values.len());
        self.text.push_str(&place);
    }
}

/// What is asked for.
pub(super) struct Listing<'a> {
    pub(super) backend: DbBackend,
    pub(super) workspace: WorkspaceId,
    pub(super) filter: &'a Filter,
    pub(super) order: Order,
    pub(super) after: Option<Place>,
    pub(super) leading: Leading,
}

/// Which table gives the order by creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leading {
    Jobs,
    FirstTag,
}

impl Leading {
    const fn created(self) -> &'static str {
        match self {
            Self::Jobs => "jobs.created_at",
            Self::FirstTag => "tag0.created_at",
        }
    }

    const fn id(self) -> &'static str {
        match self {
            Self::Jobs => "jobs.id",
            Self::FirstTag => "tag0.job_id",
        }
    }
}

impl Listing<'_> {
    /// The first jobs, whatever is searched for.
    pub(super) fn first(&self, limit: u64) -> Sql {
        let mut sql = Sql::default();
        self.push_first(&mut sql, limit);
        sql
    }

    /// Where the query is found among the first jobs of the list.
    pub(super) fn found_among_first(&self, query: &Query, limit: u64) -> Sql {
        let mut sql = Sql::default();
        sql.push("SELECT listed.id AS id FROM (");
        self.push_first(&mut sql, HEAD);
        sql.push(") AS listed WHERE (SELECT ");
        self.push_match(&mut sql, query);
        sql.push(" FROM search_jobs WHERE search_jobs.job_id = listed.id)");
        self.push_phrases(&mut sql, query, "listed.id");
        self.push_order(&mut sql, "listed.place", "listed.id", limit);
        sql
    }

    /// Where the query is found.
    pub(super) fn found(&self, query: &Query, limit: u64) -> Sql {
        let by_creation = self.order.key == SortKey::Created;
        let mut sql = Sql::default();
        sql.push("SELECT listed.id AS id FROM (SELECT search_jobs.job_id AS id, ");
        if by_creation {
            sql.push("search_jobs.created_at AS place FROM search_jobs WHERE ");
            self.push_match(&mut sql, query);
            self.push_behind(&mut sql, "search_jobs.created_at", "search_jobs.job_id");
            let direction = self.direction();
            sql.push(&format!(" ORDER BY search_jobs.created_at {direction}, search_jobs.job_id {direction}"));
            sql.push(self.fence());
            sql.push(") AS listed WHERE (SELECT TRUE FROM jobs");
            self.push_tags(&mut sql);
            sql.push(" WHERE jobs.id = listed.id AND ");
            self.push_conditions(&mut sql, Leading::Jobs, &self.filter.states);
            sql.push(")");
        } else {
            sql.push(&format!("(SELECT {} FROM jobs", self.key(Leading::Jobs)));
            self.push_tags(&mut sql);
            sql.push(" WHERE jobs.id = search_jobs.job_id AND ");
            self.push_conditions(&mut sql, Leading::Jobs, &self.filter.states);
            sql.push(") AS place FROM search_jobs WHERE ");
            self.push_match(&mut sql, query);
            sql.push(self.fence());
            sql.push(") AS listed WHERE listed.place IS NOT NULL");
            self.push_behind(&mut sql, "listed.place", "listed.id");
        }
        self.push_phrases(&mut sql, query, "listed.id");
        self.push_order(&mut sql, "listed.place", "listed.id", limit);
        sql
    }

    pub(super) fn count(&self) -> Sql {
        let mut sql = Sql::default();
        let words = if self.filter.search.is_some() { " JOIN search_jobs ON search_jobs.job_id = jobs.id" } else { "" };
        sql.push(&format!("SELECT COUNT(*) AS count FROM jobs{words}"));
        self.push_tags(&mut sql);
        sql.push(" WHERE ");
        if let Some(query) = &self.filter.search {
            self.push_match(&mut sql, query);
            self.push_phrases(&mut sql, query, "jobs.id");
            sql.push(" AND ");
        }
        self.push_conditions(&mut sql, Leading::Jobs, &self.filter.states);
        sql
    }

    fn push_first(&self, sql: &mut Sql, limit: u64) {
        if self.filter.states.len() < 2 {
            self.push_ordered(sql, &self.filter.states, limit);
            return;
        }
        // The jobs of one state lie in order, and those of several do not.
        sql.push("SELECT id, place FROM (");
        for (nth, state) in self.filter.states.iter().enumerate() {
            sql.push(if nth == 0 { "SELECT id, place FROM (" } else { " UNION ALL SELECT id, place FROM (" });
            self.push_ordered(sql, &[*state], limit);
            sql.push(&format!(") AS state{nth}"));
        }
        let direction = self.direction();
        sql.push(&format!(") AS states ORDER BY place {direction}, id {direction}"));
        sql.push_with(" LIMIT ?", i64::try_from(limit).unwrap_or(i64::MAX));
    }

    fn push_ordered(&self, sql: &mut Sql, states: &[JobState], limit: u64) {
        let leading = self.leading;
        sql.push(&format!("SELECT jobs.id AS id, {} AS place FROM jobs", self.key(leading)));
        self.push_tags(sql);
        sql.push(" WHERE ");
        self.push_conditions(sql, leading, states);
        self.push_behind(sql, self.key(leading), self.id(leading));
        self.push_order(sql, self.key(leading), self.id(leading), limit);
    }

    fn push_tags(&self, sql: &mut Sql) {
        for (nth, tag) in self.filter.tags.iter().enumerate() {
            let join = format!(" JOIN job_tags AS tag{nth} ON tag{nth}.job_id = jobs.id AND tag{nth}.workspace_id = ");
            sql.push_with(&format!("{join}?"), self.workspace.as_uuid());
            sql.push_with(&format!(" AND tag{nth}.tag = ?"), tag.as_str());
        }
    }

    fn push_conditions(&self, sql: &mut Sql, leading: Leading, states: &[JobState]) {
        let filter = self.filter;
        sql.push_with("jobs.workspace_id = ?", self.workspace.as_uuid());
        match states {
            [] => {}
            [state] => sql.push_with(" AND jobs.state = ?", state.as_str()),
            [first, others @ ..] => {
                sql.push_with(" AND jobs.state IN (?", first.as_str());
                for state in others {
                    sql.push_with(", ?", state.as_str());
                }
                sql.push(")");
            }
        }
        if let Some(language) = filter.language {
            sql.push_with(" AND COALESCE(jobs.spoken_language, jobs.language) = ?", language.code());
        }
        if let Some(model) = &filter.model {
            sql.push_with(" AND jobs.model = ?", model.as_str());
        }
        if let Some(lane) = filter.lane {
            sql.push_with(" AND jobs.lane = ?", lane.as_str());
        }
        // A length that is not known is neither at least nor at most anything.
        if filter.min_audio_ms.is_some() || filter.max_audio_ms.is_some() {
            let least = filter.min_audio_ms.unwrap_or(0);
            sql.push_with(&format!(" AND {DURATION} >= ?"), i64::try_from(least).unwrap_or(i64::MAX));
        }
        if let Some(most) = filter.max_audio_ms {
            sql.push_with(&format!(" AND {DURATION} <= ?"), i64::try_from(most).unwrap_or(i64::MAX));
        }
        if let Some(after) = filter.created_after {
            sql.push_with(&format!(" AND {} >= ?", leading.created()), after);
        }
        if let Some(before) = filter.created_before {
            sql.push_with(&format!(" AND {} < ?", leading.created()), before);
        }
    }

    /// Only what comes after the place where the page before ended.
    fn push_behind(&self, sql: &mut Sql, key: &str, id: &str) {
        if let Some(after) = self.after {
            let than = if self.order.descending { "<" } else { ">" };
            sql.push_with(&format!(" AND ({key}, {id}) {than} (?, "), self.key_of(after));
            sql.push_with("?)", after.id.as_uuid());
        }
    }

    /// The words are in the job.
    fn push_match(&self, sql: &mut Sql, query: &Query) {
        if self.is_postgres() {
            let words = query.as_tsquery(self.workspace);
            sql.push_with("search_jobs.words @@ CAST(CAST(? AS text) AS tsquery)", words);
        } else {
            let words = query.as_match(self.workspace);
            sql.push_with("search_jobs.id IN (SELECT rowid FROM search_words WHERE search_words MATCH ?)", words);
        }
    }

    /// The phrases are in one of the job's parts.
    fn push_phrases(&self, sql: &mut Sql, query: &Query, job: &str) {
        let position = if self.is_postgres() { "strpos" } else { "instr" };
        for phrase in query.phrases() {
            let within = format!(
                " AND (SELECT COUNT(*) FROM search_parts WHERE search_parts.job_id = {job} \
                 AND {position}(search_parts.words, ?) > 0) > 0"
            );
            sql.push_with(&within, phrase);
        }
    }

    fn push_order(&self, sql: &mut Sql, key: &str, id: &str, limit: u64) {
        let direction = self.direction();
        sql.push(&format!(" ORDER BY {key} {direction}, {id} {direction}"));
        sql.push_with(" LIMIT ?", i64::try_from(limit).unwrap_or(i64::MAX));
    }

    /// What is outside of a subquery that ends so is not done inside of it, for more rows than needed.
    fn fence(&self) -> &'static str {
        if self.is_postgres() { " OFFSET 0" } else { " LIMIT -1 OFFSET 0" }
    }

    fn is_postgres(&self) -> bool {
        self.backend == DbBackend::Postgres
    }

    const fn direction(&self) -> &'static str {
        if self.order.descending { "DESC" } else { "ASC" }
    }

    /// Exactly as the indexes have it.
    fn key(&self, leading: Leading) -> &'static str {
        match (self.order.key, self.backend) {
            (SortKey::Created, _) => leading.created(),
            (SortKey::Finished, DbBackend::Postgres) => {
                "COALESCE(jobs.finished_at, '1970-01-01T00:00:00+00:00'::timestamptz)"
            }
            (SortKey::Finished, _) => "COALESCE(jobs.finished_at, '1970-01-01T00:00:00+00:00')",
            (SortKey::Duration, _) => DURATION,
        }
    }

    const fn id(&self, leading: Leading) -> &'static str {
        match self.order.key {
            SortKey::Created => leading.id(),
            SortKey::Finished | SortKey::Duration => "jobs.id",
        }
    }

    fn key_of(&self, place: Place) -> Value {
        match self.order.key {
            SortKey::Duration => place.key.into(),
            SortKey::Created | SortKey::Finished => {
                DateTime::from_timestamp_micros(place.key).unwrap_or_default().into()
            }
        }
    }
}

/// How many jobs have the tag, counted no further than to [`MANY`].
pub(super) fn some_of_tag(workspace: WorkspaceId, tag: &str) -> Sql {
    let mut sql = Sql::default();
    sql.push_with("SELECT COUNT(*) AS count FROM (SELECT 1 FROM job_tags WHERE workspace_id = ?", workspace.as_uuid());
    sql.push_with(" AND tag = ?", tag);
    sql.push_with(" LIMIT ?) AS counted", MANY);
    sql
}

const DURATION: &str = "COALESCE(jobs.audio_ms, -1)";
