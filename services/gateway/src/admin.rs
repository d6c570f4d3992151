//! Commands for whoever runs the gateway. They are part of it because only the gateway writes the database; they run
//! beside gateways that serve, and what they have to tell goes out by the outbox of these. They never change the
//! schema: that is for the start of a gateway.

mod arguments;
mod limit_arguments;
mod tables;

use std::io::{self, Write};

use anyhow::{Context, bail};
use escriba_blobs::BlobStore;
use escriba_database::{
    Database, DatabaseError,
    limits::{self, Limits},
    workspaces::{self, Workspace},
};
use serde::Serialize;
use serde_json::json;

pub use arguments::{AdminCommand, Invocation, KeepFor, RetentionArgs, SweepArgs, WorkspaceArgs, WorkspacesArgs};
pub use limit_arguments::{AtMost, LimitArgs, Rate};

use crate::app::{apply_retention::apply_retention, housekeeping::Named, sweep_orphans::sweep_orphans};

const MINUTE_MS: u64 = 60_000;

/// Runs one command. What it found goes to `out`, whatever else becomes of it.
pub async fn run(command: AdminCommand, out: &mut impl Write) -> anyhow::Result<()> {
    match command {
        AdminCommand::Sweep(args) => sweep(&args, out).await,
        AdminCommand::Retention(args) => retention(&args, out).await,
        AdminCommand::Workspaces(args) => list_workspaces(&args, out).await,
        AdminCommand::Workspace(args) => change_workspace(&args, out).await,
    }
}

async fn sweep(args: &SweepArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let blobs = BlobStore::open(&args.storage.storage_url)?;
    let db = connect(&args.database.database_url).await?;
    let report = sweep_orphans(&db, &blobs, args.older_than, args.run.mode()).await?;
    show(out, args.output.json, &report, tables::sweep(&report, args.run.mode()))?;
    all_done(&report.failures)
}

async fn retention(args: &RetentionArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let blobs = BlobStore::open(&args.storage.storage_url)?;
    let db = connect(&args.database.database_url).await?;
    let report = apply_retention(&db, &blobs, args.run.mode()).await?;
    show(out, args.output.json, &report, tables::retention(&report, args.run.mode()))?;
    all_done(&report.failures)
}

async fn list_workspaces(args: &WorkspacesArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let db = connect(&args.database.database_url).await?;
    let mut all = Vec::new();
    for workspace in workspaces::list(&db).await? {
        let limits = limits::find(&db, workspace.id).await?;
        all.push((workspace, limits));
    }
    let json: Vec<_> = all.iter().map(as_json).collect();
    show(out, args.output.json, &json, tables::workspaces(&all))
}

/// Changes what is asked for, if anything is, and shows how the workspace stands then.
async fn change_workspace(args: &WorkspaceArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let db = connect(&args.database.database_url).await?;
    let id = find(&workspaces::list(&db).await?, &args.workspace)?.id;
    let tx = db.begin().await?;
    if let Some(keep) = args.keep_media_days {
        workspaces::keep_media(&tx, id, keep.0).await?;
    }
    if let Some(keep) = args.keep_transcripts_days {
        workspaces::keep_transcripts(&tx, id, keep.0).await?;
    }
    if let Some(weight) = args.weight {
        workspaces::set_weight(&tx, id, weight).await?;
    }
    if args.limits.is_any() {
        let limits = args.limits.change(limits::lock(&tx, id).await?);
        limits::set(&tx, id, &limits).await?;
    }
    tx.commit().await?;
    let found = (find(&workspaces::list(&db).await?, &id.to_string())?, limits::find(&db, id).await?);
    show(out, args.output.json, &as_json(&found), tables::workspaces(&[found]))
}

/// An id names one workspace; a name may be that of several.
fn find(all: &[Workspace], named: &str) -> anyhow::Result<Workspace> {
    if let Some(workspace) = all.iter().find(|workspace| workspace.id.to_string() == named) {
        return Ok(workspace.clone());
    }
    let found: Vec<_> = all.iter().filter(|workspace| workspace.name == named).collect();
    match found.as_slice() {
        [workspace] => Ok((*workspace).clone()),
        [] => bail!("there is no workspace `{named}`; `escriba-gateway workspaces` lists all"),
        several => {
            let ids: Vec<_> = several.iter().map(|workspace| workspace.id.to_string()).collect();
            bail!("`{named}` is the name of {} workspaces; use an id: {}", ids.len(), ids.join(", "))
        }
    }
}

async fn connect(url: &str) -> anyhow::Result<Database> {
    let db = Database::connect(url).await?;
    match workspaces::list(&db).await {
        Err(error @ DatabaseError::Statement(_)) => {
            Err(error).context("the database has no tables of this version; start a gateway on it first")
        }
        Err(error) => Err(error.into()),
        Ok(_) => Ok(db),
    }
}

fn as_json((workspace, limits): &(Workspace, Limits)) -> serde_json::Value {
    json!({
        "id": workspace.id,
        "name": workspace.name,
        "created_at": workspace.created_at,
        "weight": workspace.weight,
        "keep_media_days": workspace.keep_media_days,
        "keep_transcripts_days": workspace.keep_transcripts_days,
        "max_upload_bytes": limits.max_upload_bytes,
        "max_audio_minutes": limits.max_audio_ms.map(|ms| ms / MINUTE_MS),
        "max_unfinished_jobs": limits.max_unfinished_jobs,
        "requests_per_minute": limits.requests_per_minute,
    })
}

fn show(out: &mut impl Write, json: bool, value: &impl Serialize, table: String) -> anyhow::Result<()> {
    let text = if json { serde_json::to_string_pretty(value)? + "\n" } else { table };
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // A reader that has seen enough closes our output.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn all_done(failures: &Named) -> anyhow::Result<()> {
    match failures.count {
        0 => Ok(()),
        count => bail!("{count} could not be done: {}", failures.names.join("; ")),
    }
}
