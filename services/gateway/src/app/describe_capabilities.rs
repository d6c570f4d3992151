//! What this installation can do at this moment, and what the caller's workspace may have of it.

use escriba_database::{DatabaseError, jobs, limits};
use escriba_domain::{Language, ModelName, WorkspaceId};

use super::{App, room::largest};

/// What can be asked for, and how much of it.
#[derive(Debug)]
pub struct Capabilities {
    /// The first is the default.
    pub models: Vec<Model>,
    pub limits: Allowed,
}

#[derive(Debug)]
pub struct Model {
    pub name: ModelName,
    pub languages: Vec<Language>,
    /// How many workers that serve it are there.
    pub workers: u64,
}

/// What the workspace may have. `None`: no limit of the gateway's.
#[derive(Debug)]
pub struct Allowed {
    pub max_upload_bytes: u64,
    pub max_audio_ms: Option<u64>,
    pub max_unfinished_jobs: Option<u32>,
    pub unfinished_jobs: u64,
    pub requests_per_minute: Option<u32>,
}

pub async fn describe_capabilities(app: &App, workspace: WorkspaceId) -> Result<Capabilities, DatabaseError> {
    let limits = limits::find(&app.db, workspace).await?;
    let unfinished_jobs = jobs::count_unfinished(&app.db, workspace).await?;
    let workers = app.workers.alive();
    let describe = |name: &ModelName| Model {
        name: name.clone(),
        languages: if name.is_english_only() { vec![Language::ENGLISH] } else { Language::all().collect() },
        workers: workers.iter().filter(|worker| worker.models.iter().any(|served| served == name.as_str())).count()
            as u64,
    };
    Ok(Capabilities {
        models: app.models.iter().map(describe).collect(),
        limits: Allowed {
            max_upload_bytes: largest(app, &limits),
            max_audio_ms: limits.max_audio_ms,
            max_unfinished_jobs: limits.max_unfinished_jobs,
            unfinished_jobs,
            requests_per_minute: app.rate_limits.limit(limits.requests_per_minute).map(u32::from),
        },
    })
}
