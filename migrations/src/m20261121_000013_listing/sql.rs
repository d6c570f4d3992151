//! What the schema builder has no words for: indexes over expressions, triggers, and the engines' own kinds of index
//! for words.

/// A job without an end or a length sorts before all that have one. Lists sort by exactly these expressions, which
/// must not change with a session's settings.
pub(super) const POSTGRES_EXPRESSIONS: [&str; 2] =
    ["COALESCE(finished_at, '1970-01-01T00:00:00+00:00'::timestamptz)", "COALESCE(audio_ms, -1)"];
pub(super) const SQLITE_EXPRESSIONS: [&str; 2] =
    ["COALESCE(finished_at, '1970-01-01T00:00:00+00:00')", "COALESCE(audio_ms, -1)"];

/// One for each order, and for each filter one in the usual order, so that the first page of a rare state or language
/// is not looked for among all jobs.
pub(super) fn indexes([finished, length]: [&str; 2]) -> String {
    format!(
        "CREATE INDEX jobs_by_creation ON jobs (workspace_id, created_at, id);
        CREATE INDEX jobs_by_finish ON jobs (workspace_id, ({finished}), id);
        CREATE INDEX jobs_by_length ON jobs (workspace_id, ({length}), id);
        CREATE INDEX jobs_by_state_and_creation ON jobs (workspace_id, state, created_at, id);
        CREATE INDEX jobs_by_language ON jobs (workspace_id, (COALESCE(spoken_language, language)), created_at, id);
        CREATE INDEX jobs_by_model ON jobs (workspace_id, model, created_at, id);
        CREATE INDEX jobs_by_lane ON jobs (workspace_id, lane, created_at, id);"
    )
}

pub(super) const INDEXES_DOWN: &str = "
DROP INDEX jobs_by_creation;
DROP INDEX jobs_by_finish;
DROP INDEX jobs_by_length;
DROP INDEX jobs_by_state_and_creation;
DROP INDEX jobs_by_language;
DROP INDEX jobs_by_model;
DROP INDEX jobs_by_lane;
";

/// `search_stale` names the chunks and jobs whose words are to be read again; a job stands there under its own id for
/// its title and file name. `search_parts` has their words in order. No foreign keys: whoever writes text holds the row
/// of its job, and the one who indexes must never wait for that.
pub(super) const SEARCH_TABLES: &str = "
CREATE TABLE search_stale (id uuid NOT NULL PRIMARY KEY, job_id uuid NOT NULL);
CREATE TABLE search_parts
  (id uuid NOT NULL PRIMARY KEY, job_id uuid NOT NULL, position integer NOT NULL, words text NOT NULL);
CREATE INDEX search_parts_by_job ON search_parts (job_id, position);
";

pub(super) const SEARCH_TABLES_DOWN: &str = "
DROP TABLE search_parts;
DROP TABLE search_stale;
";

pub(super) const ALL_STALE: &str = "
INSERT INTO search_stale (id, job_id) SELECT id, id FROM jobs;
INSERT INTO search_stale (id, job_id) SELECT id, job_id FROM chunks WHERE segment_count > 0;
";

pub(super) const POSTGRES_UP: &str = "
CREATE TABLE search_jobs (job_id uuid NOT NULL PRIMARY KEY, created_at timestamptz NOT NULL, words tsvector NOT NULL);
CREATE INDEX search_jobs_by_word ON search_jobs USING gin (words);

CREATE FUNCTION escriba_keep_tags() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM job_tags WHERE job_id = NEW.id;
  INSERT INTO job_tags (workspace_id, tag, created_at, job_id)
    SELECT DISTINCT NEW.workspace_id, tag, NEW.created_at, NEW.id FROM jsonb_array_elements_text(NEW.tags) AS tag;
  RETURN NULL;
END $$;
CREATE TRIGGER jobs_keep_tags_of_new AFTER INSERT ON jobs FOR EACH ROW
  WHEN (NEW.tags <> '[]'::jsonb) EXECUTE FUNCTION escriba_keep_tags();
CREATE TRIGGER jobs_keep_tags AFTER UPDATE OF tags ON jobs FOR EACH ROW
  WHEN (NEW.tags IS DISTINCT FROM OLD.tags) EXECUTE FUNCTION escriba_keep_tags();

CREATE FUNCTION escriba_note_stale_job() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  stale uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.id ELSE NEW.id END;
BEGIN
  INSERT INTO search_stale (id, job_id) VALUES (stale, stale)
    ON CONFLICT (id) DO UPDATE SET job_id = EXCLUDED.job_id;
  RETURN NULL;
END $$;
CREATE TRIGGER jobs_note_stale AFTER INSERT OR DELETE ON jobs FOR EACH ROW
  EXECUTE FUNCTION escriba_note_stale_job();
CREATE TRIGGER jobs_note_stale_title AFTER UPDATE OF title ON jobs FOR EACH ROW
  WHEN (NEW.title IS DISTINCT FROM OLD.title) EXECUTE FUNCTION escriba_note_stale_job();

CREATE FUNCTION escriba_note_stale_media() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO search_stale (id, job_id) SELECT id, id FROM jobs WHERE media_id = NEW.id ORDER BY id
    ON CONFLICT (id) DO UPDATE SET job_id = EXCLUDED.job_id;
  RETURN NULL;
END $$;
CREATE TRIGGER media_note_stale AFTER UPDATE OF file_name ON media FOR EACH ROW
  WHEN (NEW.file_name IS DISTINCT FROM OLD.file_name) EXECUTE FUNCTION escriba_note_stale_media();

CREATE FUNCTION escriba_note_stale_segments() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO search_stale (id, job_id) SELECT DISTINCT chunk_id, job_id FROM changed ORDER BY chunk_id
    ON CONFLICT (id) DO UPDATE SET job_id = EXCLUDED.job_id;
  RETURN NULL;
END $$;
CREATE TRIGGER segments_note_stale_new AFTER INSERT ON segments REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION escriba_note_stale_segments();
CREATE TRIGGER segments_note_stale AFTER UPDATE ON segments REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION escriba_note_stale_segments();
CREATE TRIGGER segments_note_stale_old AFTER DELETE ON segments REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION escriba_note_stale_segments();
";

pub(super) const POSTGRES_DOWN: &str = "
DROP FUNCTION escriba_note_stale_segments() CASCADE;
DROP FUNCTION escriba_note_stale_media() CASCADE;
DROP FUNCTION escriba_note_stale_job() CASCADE;
DROP FUNCTION escriba_keep_tags() CASCADE;
DROP TABLE search_jobs;
";

/// Words come split and folded already, and `ascii` takes every other character for part of a word.
pub(super) const SQLITE_UP: &str = "
CREATE TABLE search_jobs
  (id integer PRIMARY KEY AUTOINCREMENT, job_id uuid NOT NULL UNIQUE, created_at text NOT NULL);
CREATE VIRTUAL TABLE search_words USING
  fts5(words, content = '', contentless_delete = 1, detail = 'none', tokenize = 'ascii');

CREATE TRIGGER jobs_keep_tags_of_new AFTER INSERT ON jobs WHEN NEW.tags <> '[]' BEGIN
  INSERT INTO job_tags (workspace_id, tag, created_at, job_id)
    SELECT DISTINCT NEW.workspace_id, value, NEW.created_at, NEW.id FROM json_each(NEW.tags);
END;
CREATE TRIGGER jobs_keep_tags AFTER UPDATE OF tags ON jobs WHEN NEW.tags <> OLD.tags BEGIN
  DELETE FROM job_tags WHERE job_id = NEW.id;
  INSERT INTO job_tags (workspace_id, tag, created_at, job_id)
    SELECT DISTINCT NEW.workspace_id, value, NEW.created_at, NEW.id FROM json_each(NEW.tags);
END;

CREATE TRIGGER jobs_note_stale_new AFTER INSERT ON jobs BEGIN
  INSERT INTO search_stale (id, job_id) SELECT NEW.id, NEW.id
    WHERE NOT EXISTS (SELECT 1 FROM search_stale WHERE id = NEW.id);
END;
CREATE TRIGGER jobs_note_stale_old AFTER DELETE ON jobs BEGIN
  INSERT INTO search_stale (id, job_id) SELECT OLD.id, OLD.id
    WHERE NOT EXISTS (SELECT 1 FROM search_stale WHERE id = OLD.id);
END;
CREATE TRIGGER jobs_note_stale_title AFTER UPDATE OF title ON jobs WHEN NEW.title IS NOT OLD.title BEGIN
  INSERT INTO search_stale (id, job_id) SELECT NEW.id, NEW.id
    WHERE NOT EXISTS (SELECT 1 FROM search_stale WHERE id = NEW.id);
END;
CREATE TRIGGER media_note_stale AFTER UPDATE OF file_name ON media WHEN NEW.file_name <> OLD.file_name BEGIN
  INSERT INTO search_stale (id, job_id) SELECT id, id FROM jobs
    WHERE media_id = NEW.id AND NOT EXISTS (SELECT 1 FROM search_stale WHERE search_stale.id = jobs.id);
END;

CREATE TRIGGER segments_note_stale_new AFTER INSERT ON segments BEGIN
  INSERT INTO search_stale (id, job_id) SELECT NEW.chunk_id, NEW.job_id
    WHERE NOT EXISTS (SELECT 1 FROM search_stale WHERE id = NEW.chunk_id);
END;
CREATE TRIGGER segments_note_stale AFTER UPDATE ON segments BEGIN
  INSERT INTO search_stale (id, job_id) SELECT NEW.chunk_id, NEW.job_id
    WHERE NOT EXISTS (SELECT 1 FROM search_stale WHERE id = NEW.chunk_id);
END;
CREATE TRIGGER segments_note_stale_old AFTER DELETE ON segments BEGIN
  INSERT INTO search_stale (id, job_id) SELECT OLD.chunk_id, OLD.job_id
    WHERE NOT EXISTS (SELECT 1 FROM search_stale WHERE id = OLD.chunk_id);
END;
";

pub(super) const SQLITE_DOWN: &str = "
DROP TRIGGER segments_note_stale_old;
DROP TRIGGER segments_note_stale;
DROP TRIGGER segments_note_stale_new;
DROP TRIGGER media_note_stale;
DROP TRIGGER jobs_note_stale_title;
DROP TRIGGER jobs_note_stale_old;
DROP TRIGGER jobs_note_stale_new;
DROP TRIGGER jobs_keep_tags;
DROP TRIGGER jobs_keep_tags_of_new;
DROP TABLE search_words;
DROP TABLE search_jobs;
";
