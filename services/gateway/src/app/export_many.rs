//! Transcripts of many jobs as one zip file, written while it is read: neither many jobs nor long transcripts nor a
//! slow reader cost memory. `index.json` in it says which files are whose, and which jobs have none.

mod archive;
mod names;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use bytes::Bytes;
use escriba_database::{
    DatabaseError, chunks,
    jobs::{self, Job},
};
use escriba_domain::{ErrorKind, JobId, JobState, WorkspaceId};
use escriba_proto::v1::{Format, LineEnding};
use futures_util::{StreamExt, stream::BoxStream};
use serde::Serialize;

use self::{
    archive::{Archive, Closed},
    names::Names,
};
use super::App;
use crate::clients::exports::{RenderError, Rendered};

const INDEX: &str = "index.json";

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("the transcripts cannot be rendered")]
    Render(#[source] Box<dyn std::error::Error + Send + Sync>, ErrorKind),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl ExportError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Render(_, kind) => *kind,
            Self::Database(error) => error.kind(),
        }
    }
}

/// What broke off a file that was begun already; it ends with an error for its reader, and never as if it were whole.
#[derive(Debug, thiserror::Error)]
enum BrokenOff {
    #[error("the reader went away")]
    Closed(#[from] Closed),
    #[error("a transcript could not be rendered: {0}")]
    Render(#[from] RenderError),
    #[error("a transcript broke off: {0}")]
    Read(#[from] std::io::Error),
}

/// A job as the index tells of it.
#[derive(Debug, Serialize)]
struct Entry {
    id: JobId,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<JobState>,
    files: Vec<String>,
    /// Why it has no files.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<String>,
}

/// Begins to pack the transcripts of these jobs. An export service that is away is noticed before the first byte.
pub async fn export_many(
    app: Arc<App>,
    workspace: WorkspaceId,
    these: Vec<JobId>,
    formats: Vec<Format>,
) -> Result<BoxStream<'static, std::io::Result<Bytes>>, ExportError> {
    let found = jobs::find_all(&app.db, workspace, &these).await?;
    let written = chunks::with_segments(&app.db, &these).await?;
    let mut found: HashMap<JobId, Job> = found.into_iter().map(|job| (job.id, job)).collect();
    let has_text = |job: &Job| job.state == JobState::Completed || written.contains(&job.id);
    let first = these.iter().find(|id| found.get(id).is_some_and(has_text));
    if let (Some(&first), Some(&format)) = (first, formats.first()) {
        render(&app, workspace, first, format).await.map(drop).or_else(tolerate_deleted)?;
    }
    let wanted = these.into_iter().map(|id| (id, found.remove(&id))).collect();
    let (archive, bytes) = Archive::begin();
    tokio::spawn(async move {
        let packing = Packing { app: &app, workspace, formats: &formats, written, archive, names: Names::default() };
        if let Err(error) = packing.pack(wanted).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "an export broke off");
        }
    });
    Ok(bytes.boxed())
}

fn tolerate_deleted(error: RenderError) -> Result<(), ExportError> {
    let kind = error.kind();
    if kind == ErrorKind::NotFound { Ok(()) } else { Err(ExportError::Render(Box::new(error), kind)) }
}

async fn render(app: &App, workspace: WorkspaceId, job: JobId, format: Format) -> Result<Rendered, RenderError> {
    app.exports.render(workspace, job, format, (LineEnding::Lf, None)).await
}

struct Packing<'a> {
    app: &'a App,
    workspace: WorkspaceId,
    formats: &'a [Format],
    written: HashSet<JobId>,
    archive: Archive,
    names: Names,
}

impl Packing<'_> {
    async fn pack(mut self, wanted: Vec<(JobId, Option<Job>)>) -> Result<(), BrokenOff> {
        let mut index = Vec::with_capacity(wanted.len());
        self.names.take(INDEX);
        for (id, job) in wanted {
            index.push(match job {
                Some(job) => self.pack_job(job).await?,
                None => absent(id, "There is no such job."),
            });
        }
        let index = serde_json::to_vec_pretty(&index).map_err(std::io::Error::other)?;
        self.archive.file(INDEX.to_owned(), None).await?;
        self.archive.write(index.into()).await?;
        Ok(self.archive.finish().await?)
    }

    async fn pack_job(&mut self, job: Job) -> Result<Entry, BrokenOff> {
        let has_text = job.state == JobState::Completed || self.written.contains(&job.id);
        let missing = (!has_text).then(|| format!("The job is {}, and nothing is transcribed.", job.state));
        let mut files = Vec::new();
        for &format in self.formats.iter().filter(|_| has_text) {
            let rendered = match render(self.app, self.workspace, job.id, format).await {
                Err(RenderError::NotFound(id)) => return Ok(absent(id, "The job was deleted meanwhile.")),
                rendered => rendered?,
            };
            let name = self.names.take(&rendered.file_name);
            self.archive.file(name.clone(), Some(job.created_at)).await?;
            files.push(name);
            let mut bytes = rendered.bytes;
            while let Some(part) = bytes.next().await {
                self.archive.write(part?).await?;
            }
        }
        let (title, file_name, state) = (job.labels.title, Some(job.file_name), Some(job.state));
        Ok(Entry { id: job.id, title, file_name, state, files, missing })
    }
}

fn absent(id: JobId, why: &str) -> Entry {
    Entry { id, title: None, file_name: None, state: None, files: Vec::new(), missing: Some(why.to_owned()) }
}
