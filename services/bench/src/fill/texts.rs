//! Very many transcripts to search. Their words are as unevenly common as those of a language: of 100,000 words the
//! n-th stands about as often as one divided by n.

use escriba_domain::WorkspaceId;

use super::{QUIETLY, history};
use crate::stand::Stand;

const SEGMENTS_A_JOB: u64 = 10;
const WORDS_A_SEGMENT: u64 = 12;

/// The time of the n-th job of a history, as an address may have it.
pub(crate) fn time_of(stand: &Stand, n: u64) -> anyhow::Result<String> {
    let format = r#"YYYY-MM-DD"T"HH24:MI:SS.MS"Z""#;
    stand.postgres.run(&format!("SELECT to_char(bench_time({n}) AT TIME ZONE 'UTC', '{format}')"))
}

/// A history whose jobs have lengths, languages, tags, titles and transcripts, indexed as the gateway does it. The
/// words are written as the index folds them, so that none is folded here.
pub(crate) fn library(stand: &Stand, template: &str, workspaces: &[WorkspaceId], jobs: u64) -> anyhow::Result<()> {
    history(stand, template, workspaces, jobs)?;
    stand.postgres.run(&format!(
        "{QUIETLY}
        DROP INDEX search_jobs_by_word;
        SET maintenance_work_mem = '512MB';
        CREATE FUNCTION bench_text(words bigint) RETURNS text LANGUAGE sql VOLATILE AS $$
          SELECT string_agg('w' || to_hex(floor(power(100000, random()))::int), ' ') FROM generate_series(1, words)
        $$;
        UPDATE jobs SET title = bench_text(3), audio_ms = 1000 + floor(power(10000000, random())),
          spoken_language = CASE WHEN random() < 0.01 THEN 'es' ELSE 'en' END,
          tags = CASE WHEN random() < 0.001 THEN '[\"rare\"]' WHEN random() < 0.2 THEN '[\"usual\"]' ELSE '[]' END::jsonb
          WHERE id <> '{template}';
        INSERT INTO job_tags SELECT workspace_id, tags ->> 0, created_at, id FROM jobs WHERE tags <> '[]';
        INSERT INTO segments (chunk_id, position, job_id, start_ms, end_ms, text, avg_logprob, no_speech_prob, words)
          SELECT chunks.id, nth, job_id, nth * 2000, nth * 2000 + 1900, bench_text({WORDS_A_SEGMENT}), -0.2, 0, '[]'
          FROM chunks, generate_series(0, {SEGMENTS_A_JOB} - 1) nth WHERE job_id <> '{template}';
        INSERT INTO search_parts SELECT chunk_id, job_id, 0, ' ' || string_agg(text, ' ' ORDER BY position) || ' '
          FROM segments GROUP BY chunk_id, job_id;
        INSERT INTO search_parts SELECT id, id, -1, ' ' || title || ' | short ogg ' FROM jobs WHERE id <> '{template}';
        INSERT INTO search_jobs SELECT jobs.id, jobs.created_at, array_to_tsvector(ARRAY(
            SELECT DISTINCT right(workspace_id::text, 4) || word FROM search_parts,
              unnest(string_to_array(trim(words), ' ')) word WHERE search_parts.job_id = jobs.id AND word <> '|'))
          FROM jobs WHERE id <> '{template}' ORDER BY jobs.created_at;
        CREATE INDEX search_jobs_by_word ON search_jobs USING gin (words);
        VACUUM ANALYZE;
        CHECKPOINT;"
    ))?;
    Ok(())
}
