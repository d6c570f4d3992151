//! Reads stale text again and writes its words down.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Statement, Value,
    entity::prelude::Uuid,
};

use super::{query::lexeme, tokens::tokens};
use crate::{
    Database, DatabaseError, Transaction,
    entity::{chunk, job, media, segment},
};

/// Stale chunks and jobs that are read in one transaction.
const BATCH: usize = 64;
/// Any number that nobody else locks in this database.
const INDEX_LOCK: i64 = 0x6573_6372_6962_6178;
/// What PostgreSQL takes in one vector of words is 1 MB, each word with a few bytes beside it.
const MAX_VECTOR_BYTES: usize = 900_000;
/// Where a title and its file name stand among a job's parts: before its chunks.
const HEADING: i32 = -1;
/// Between a title and a file name, so that no phrase reaches from one to the other.
const BETWEEN: &str = "|";

/// What is stale: a chunk's text, or, under the job's own id, its title and file name.
#[derive(Debug, Clone, Copy)]
struct Stale {
    id: Uuid,
    job: Uuid,
}

/// Indexes some of what is stale, and says how much that was; none is left once it was nothing. Of several gateways
/// one does it at a time. What somebody is writing at the moment is left for later.
pub async fn index_stale(db: &Database) -> Result<usize, DatabaseError> {
    if !is_any_stale(db).await? {
        return Ok(0);
    }
    let tx = db.begin().await?;
    let stale = lock_stale(&tx).await?;
    if stale.is_empty() {
        return Ok(0);
    }
    let jobs: BTreeSet<Uuid> = stale.iter().map(|stale| stale.job).collect();
    let there = find_jobs(&tx, &jobs).await?;
    let (kept, gone): (Vec<Stale>, Vec<Stale>) = stale.iter().partition(|stale| there.contains_key(&stale.job));
    write_parts(&tx, &kept, &there).await?;
    write_words(&tx, &there).await?;
    forget(&tx, &gone.iter().map(|stale| stale.job).collect()).await?;
    delete(&tx, "search_stale", "id", &stale.iter().map(|stale| stale.id).collect()).await?;
    tx.commit().await?;
    Ok(stale.len())
}

/// Looks without a transaction, which on SQLite would keep everybody else from writing.
async fn is_any_stale(db: &Database) -> Result<bool, DatabaseError> {
    let sql = "SELECT id FROM search_stale LIMIT 1";
    let statement = Statement::from_string(db.connection.get_database_backend(), sql);
    Ok(db.connection.query_one_raw(statement).await?.is_some())
}

/// On PostgreSQL, rows that somebody is changing are skipped, and whoever wants to change one of these waits until they
/// are indexed, so that no change is overlooked.
async fn lock_stale(tx: &Transaction) -> Result<Vec<Stale>, DatabaseError> {
    let mut sql = format!("SELECT id, job_id FROM search_stale ORDER BY id LIMIT {BATCH}");
    if tx.is_postgres() {
        let locked = format!("SELECT pg_try_advisory_xact_lock({INDEX_LOCK}) AS locked");
        let row = tx.inner.query_one_raw(Statement::from_string(tx.inner.get_database_backend(), locked)).await?;
        if !row.is_some_and(|row| row.try_get("", "locked").unwrap_or(false)) {
            return Ok(Vec::new());
        }
        sql.push_str(" FOR UPDATE SKIP LOCKED");
    }
    let rows = tx.inner.query_all_raw(Statement::from_string(tx.inner.get_database_backend(), sql)).await?;
    rows.iter().map(|row| Ok(Stale { id: row.try_get("", "id")?, job: row.try_get("", "job_id")? })).collect()
}

struct Heading {
    workspace: Uuid,
    title: Option<String>,
    file_name: String,
}

async fn find_jobs(tx: &Transaction, these: &BTreeSet<Uuid>) -> Result<HashMap<Uuid, Heading>, DatabaseError> {
    let rows: Vec<(Uuid, Uuid, Option<String>, String)> = job::Entity::find()
        .select_only()
        .columns([job::Column::Id, job::Column::WorkspaceId, job::Column::Title])
        .column(media::Column::FileName)
        .inner_join(media::Entity)
        .filter(job::Column::Id.is_in(these.iter().copied()))
        .into_tuple()
        .all(&tx.inner)
        .await?;
    let heading = |(id, workspace, title, file_name)| (id, Heading { workspace, title, file_name });
    Ok(rows.into_iter().map(heading).collect())
}

async fn write_parts(tx: &Transaction, stale: &[Stale], jobs: &HashMap<Uuid, Heading>) -> Result<(), DatabaseError> {
    let chunks = stale.iter().filter(|stale| stale.id != stale.job).map(|stale| stale.id);
    let mut texts = texts_of(tx, chunks.collect()).await?;
    let (mut values, mut rows, mut empty): (Vec<Value>, Vec<String>, BTreeSet<Uuid>) = Default::default();
    for stale in stale {
        let heading = jobs.get(&stale.job).filter(|_| stale.id == stale.job).map(|job| (HEADING, words_of(job)));
        let Some((position, words)) = heading.or_else(|| texts.remove(&stale.id)) else {
            empty.insert(stale.id);
            continue;
        };
        let at = values.len();
        rows.push(format!("(${}, ${}, ${}, ${})", at + 1, at + 2, at + 3, at + 4));
        values.extend([Value::from(stale.id), stale.job.into(), position.into(), words.into()]);
    }
    if !rows.is_empty() {
        let sql = format!(
            "INSERT INTO search_parts (id, job_id, position, words) VALUES {} \
             ON CONFLICT (id) DO UPDATE SET position = EXCLUDED.position, words = EXCLUDED.words",
            rows.join(", ")
        );
        execute(tx, &sql, values).await?;
    }
    delete(tx, "search_parts", "id", &empty).await
}

fn words_of(job: &Heading) -> String {
    let title = in_order(job.title.as_deref().unwrap_or_default());
    spaced([title.as_str(), BETWEEN, &in_order(&job.file_name)])
}

/// The words of these chunks as their newest version has them, each with its position; one without text is left out.
/// What was edited stands with the first chunk.
async fn texts_of(tx: &Transaction, chunks: Vec<Uuid>) -> Result<HashMap<Uuid, (i32, String)>, DatabaseError> {
    let rows: Vec<(Uuid, i32, String)> = segment::Entity::find()
        .select_only()
        .column(segment::Column::ChunkId)
        .column_as(chunk::Column::Position, "chunk_position")
        .column(segment::Column::Text)
        .inner_join(chunk::Entity)
        .filter(segment::Column::ChunkId.is_in(chunks))
        .filter(segment::Column::ToVersion.is_null())
        .order_by_asc(segment::Column::ChunkId)
        .order_by_asc(segment::Column::StartMs)
        .order_by_asc(segment::Column::Position)
        .into_tuple()
        .all(&tx.inner)
        .await?;
    let mut texts: BTreeMap<(Uuid, i32), Vec<String>> = BTreeMap::new();
    for (chunk, position, text) in rows {
        texts.entry((chunk, position)).or_default().push(in_order(&text));
    }
    let joined = texts.into_iter().map(|((chunk, position), texts)| {
        let words = spaced(texts.iter().map(String::as_str));
        (chunk, (position, words))
    });
    Ok(joined.collect())
}

fn in_order(text: &str) -> String {
    tokens(text).into_iter().map(|token| token.word).collect::<Vec<_>>().join(" ")
}

/// A blank on both sides of each word.
fn spaced<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let full: Vec<_> = texts.into_iter().filter(|text| !text.is_empty()).collect();
    format!(" {} ", full.join(" "))
}

/// Each word of a job once, from all its parts.
async fn write_words(tx: &Transaction, jobs: &HashMap<Uuid, Heading>) -> Result<(), DatabaseError> {
    let mut words: BTreeMap<Uuid, Words> = BTreeMap::new();
    let these: Vec<Value> = jobs.keys().map(|&id| id.into()).collect();
    if these.is_empty() {
        return Ok(());
    }
    let sql = format!("SELECT job_id, words FROM search_parts WHERE job_id IN ({})", places(these.len()));
    let statement = Statement::from_sql_and_values(tx.inner.get_database_backend(), sql, these);
    for row in tx.inner.query_all_raw(statement).await? {
        let (id, part): (Uuid, String) = (row.try_get("", "job_id")?, row.try_get("", "words")?);
        let Some(job) = jobs.get(&id) else { continue };
        let of_job = words.entry(id).or_default();
        for word in part.split(' ').filter(|word| !word.is_empty() && *word != BETWEEN) {
            of_job.add(lexeme(job.workspace.into(), word));
        }
    }
    if tx.is_postgres() {
        return write_vectors(tx, &words).await;
    }
    for (id, words) in &words {
        write_fts(tx, *id, words).await?;
    }
    Ok(())
}

/// As many different words as one vector takes.
#[derive(Debug, Default)]
struct Words {
    all: BTreeSet<String>,
    bytes: usize,
}

impl Words {
    fn add(&mut self, word: String) {
        let size = word.len() + 4;
        if self.bytes + size <= MAX_VECTOR_BYTES && self.all.insert(word) {
            self.bytes += size;
        }
    }
}

async fn write_vectors(tx: &Transaction, words: &BTreeMap<Uuid, Words>) -> Result<(), DatabaseError> {
    let (mut values, mut rows): (Vec<Value>, Vec<String>) = Default::default();
    for (id, words) in words {
        let at = values.len();
        rows.push(format!("(CAST(${} AS uuid), CAST(${} AS text))", at + 1, at + 2));
        let vector = words.all.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
        values.extend([Value::from(*id), vector.into()]);
    }
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO search_jobs (job_id, created_at, words) \
         SELECT jobs.id, jobs.created_at, CAST(new.words AS tsvector) \
         FROM (VALUES {}) AS new (id, words) JOIN jobs ON jobs.id = new.id \
         ON CONFLICT (job_id) DO UPDATE SET words = EXCLUDED.words",
        rows.join(", ")
    );
    execute(tx, &sql, values).await
}

async fn write_fts(tx: &Transaction, id: Uuid, words: &Words) -> Result<(), DatabaseError> {
    let sql = "INSERT INTO search_jobs (job_id, created_at) SELECT id, created_at FROM jobs WHERE id = $1 \
               ON CONFLICT (job_id) DO NOTHING";
    execute(tx, sql, vec![id.into()]).await?;
    let all = words.all.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    let sql = "INSERT OR REPLACE INTO search_words (rowid, words) SELECT id, $2 FROM search_jobs WHERE job_id = $1";
    execute(tx, sql, vec![id.into(), all.into()]).await
}

/// The jobs are deleted, and all that is known of them goes.
async fn forget(tx: &Transaction, jobs: &BTreeSet<Uuid>) -> Result<(), DatabaseError> {
    if jobs.is_empty() {
        return Ok(());
    }
    if !tx.is_postgres() {
        let of_jobs = format!("SELECT id FROM search_jobs WHERE job_id IN ({})", places(jobs.len()));
        let sql = format!("DELETE FROM search_words WHERE rowid IN ({of_jobs})");
        execute(tx, &sql, jobs.iter().map(|&id| id.into()).collect()).await?;
    }
    delete(tx, "search_jobs", "job_id", jobs).await?;
    delete(tx, "search_parts", "job_id", jobs).await
}

async fn delete(tx: &Transaction, table: &str, column: &str, these: &BTreeSet<Uuid>) -> Result<(), DatabaseError> {
    if these.is_empty() {
        return Ok(());
    }
    let sql = format!("DELETE FROM {table} WHERE {column} IN ({})", places(these.len()));
    execute(tx, &sql, these.iter().map(|&id| id.into()).collect()).await
}

/// `$1, $2, …`
fn places(count: usize) -> String {
    (1..=count).map(|nth| format!("${nth}")).collect::<Vec<_>>().join(", ")
}

async fn execute(tx: &Transaction, sql: &str, values: Vec<Value>) -> Result<(), DatabaseError> {
    let statement = Statement::from_sql_and_values(tx.inner.get_database_backend(), sql, values);
    tx.inner.execute_raw(statement).await?;
    Ok(())
}
