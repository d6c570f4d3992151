//! Very many jobs at once. They are copies of one job that came in over HTTP, with ids, states and workspaces of their
//! own, so that a column that is added later is filled as the gateway fills it.

use escriba_domain::{ChunkId, JobId, Lane, WorkspaceId};
use escriba_events::{Headers, WorkItem, work_message};

use crate::stand::Stand;

mod texts;

pub(crate) use texts::{library, time_of};

/// Without triggers, which would have the gateway index every single row.
const QUIETLY: &str = "SET session_replication_role = replica;";

/// Ids as `UUIDv7` orders them and times, the n-th a millisecond after the one before, all of them older than today's.
const IDS: &str = "
CREATE OR REPLACE FUNCTION bench_id(kind int, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT (lpad(to_hex(1700000000000 + n), 12, '0') || '7' || lpad(to_hex(kind), 3, '0') || '8000'
    || lpad(to_hex(n), 12, '0'))::uuid
$$;
CREATE OR REPLACE FUNCTION bench_time(n bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
  SELECT to_timestamp((1700000000000 + n) / 1000.0)
$$;
";
const MEDIA: u32 = 1;
const JOB: u32 = 2;
const CHUNK: u32 = 3;

/// A queue of so many jobs, all of one workspace and one recording, and a bell for each on its way. Their `queued`
/// events are left out.
pub(crate) async fn queue(stand: &Stand, template: &str, jobs: u64) -> anyhow::Result<()> {
    let bell = hex::encode(bell(stand, template)?);
    stand.postgres.run(&format!(
        "{QUIETLY}
        {IDS}
        INSERT INTO jobs SELECT new.* FROM generate_series(1, {jobs}) n, jobs old,
          jsonb_populate_record(old, jsonb_build_object('id', bench_id({JOB}, n))) new WHERE old.id = '{template}';
        INSERT INTO chunks SELECT new.* FROM generate_series(1, {jobs}) n, chunks old,
          jsonb_populate_record(old, jsonb_build_object('id', bench_id({CHUNK}, n), 'job_id', bench_id({JOB}, n))) new
          WHERE old.job_id = '{template}';
        INSERT INTO outbox (id, job_id, subject, headers, payload)
          SELECT gen_random_uuid(), bench_id({JOB}, n), 'work.interactive.base.' || bench_id({JOB}, n),
            '{{\"content-type\": \"application/protobuf\"}}', '\\x{bell}' FROM generate_series(1, {jobs}) n;
        ANALYZE;"
    ))?;
    stand.outbox_is_empty().await
}

/// What rings for the template. The bells of a queue stand for each other, so all of them may say this.
fn bell(stand: &Stand, template: &str) -> anyhow::Result<Vec<u8>> {
    let chunk: ChunkId = stand.postgres.run(&format!("SELECT id FROM chunks WHERE job_id = '{template}'"))?.parse()?;
    let job: JobId = template.parse()?;
    let item = WorkItem {
        workspace_id: stand.tenant.workspace,
        job_id: job,
        chunk_id: chunk,
        lane: Lane::Interactive,
        model: "base".parse()?,
        ring: 1,
    };
    Ok(work_message(&item, &Headers::new()).payload)
}

/// A history of so many jobs that are over, each with a recording of its own: every second one is the first
/// workspace's, the others' take turns. One in fifty failed, one in five hundred was canceled.
pub(crate) fn history(stand: &Stand, template: &str, workspaces: &[WorkspaceId], jobs: u64) -> anyhow::Result<()> {
    let others: Vec<_> = workspaces.iter().map(|workspace| format!("'{workspace}'")).collect();
    let (own, others) = (stand.tenant.workspace, others.join(", "));
    stand.postgres.run(&format!(
        "{QUIETLY}
        {IDS}
        CREATE FUNCTION bench_workspace(n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
          SELECT CASE WHEN n % 2 = 0 THEN '{own}' ELSE (ARRAY[{others}])[1 + n / 2 % {count}] END
        $$;
        CREATE FUNCTION bench_state(n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
          SELECT CASE WHEN n % 1000 < 2 THEN 'canceled' WHEN n % 100 < 2 THEN 'failed' ELSE 'completed' END
        $$;
        INSERT INTO media SELECT new.* FROM generate_series(1, {jobs}) n,
          media old,
          jsonb_populate_record(old, jsonb_build_object('id', bench_id({MEDIA}, n),
            'workspace_id', bench_workspace(n), 'sha256', '\\x' || md5(n::text) || md5(n::text))) new
          WHERE old.id = (SELECT media_id FROM jobs WHERE id = '{template}');
        INSERT INTO jobs SELECT new.* FROM generate_series(1, {jobs}) n, jobs old,
          jsonb_populate_record(old, jsonb_build_object('id', bench_id({JOB}, n), 'media_id', bench_id({MEDIA}, n),
            'workspace_id', bench_workspace(n), 'state', bench_state(n), 'created_at', bench_time(n),
            'finished_at', bench_time(n))) new
          WHERE old.id = '{template}';
        INSERT INTO chunks SELECT new.* FROM generate_series(1, {jobs}) n, chunks old,
          jsonb_populate_record(old, jsonb_build_object('id', bench_id({CHUNK}, n), 'job_id', bench_id({JOB}, n),
            'workspace_id', bench_workspace(n), 'state', bench_state(n))) new WHERE old.job_id = '{template}';
        VACUUM ANALYZE;",
        count = workspaces.len(),
    ))?;
    Ok(())
}
