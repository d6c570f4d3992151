//! Runs the service beside a database of its own, and takes both away afterwards.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
use escriba_database::{Database, chunks, jobs, media, transcripts, workspaces};
use escriba_domain::{Channels, JobId, JobOptions, Labels, Lane, MediaId, Segment, Task, WorkspaceId};
use escriba_proto::v1::{RenderRequest, RenderedHead, exports_client::ExportsClient};
use tonic::transport::{Channel, Endpoint};

const START_LIMIT: Duration = Duration::from_secs(20);

/// A database file with its schema, that both the test and the service open.
pub(crate) struct Store {
    folder: tempfile::TempDir,
    database: Database,
}

pub(crate) struct Export {
    process: Child,
    pub(crate) channel: Channel,
    pub(crate) internal: SocketAddr,
}

/// A command of the service with nothing in its environment but what is given.
pub(crate) fn command(environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_escriba-export"));
    command.env_clear().envs(environment.iter().copied());
    command
}

pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

impl Store {
    pub(crate) async fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("escriba.db").display());
        let database = Database::connect(&url).await?;
        database.migrate().await?;
        Ok(Self { folder, database })
    }

    fn url(&self) -> String {
        format!("sqlite://{}", self.folder.path().join("escriba.db").display())
    }

    /// A job with these segments.
    pub(crate) async fn add(&self, file_name: &str, segments: &[Segment]) -> Result<(WorkspaceId, JobId)> {
        let tx = self.database.begin().await?;
        let workspace = workspaces::create(&tx, "test").await?;
        let recording = media::Media {
            id: MediaId::new(),
            workspace,
            file_name: file_name.to_owned(),
            content_type: None,
            size_bytes: 1,
            sha256: [0; 32],
        };
        media::insert(&tx, &recording).await?;
        let options = JobOptions {
            language: None,
            languages: Vec::new(),
            multilingual: false,
            task: Task::Transcribe,
            model: "base".parse()?,
            lane: Lane::Batch,
            prompt: None,
            hotwords: Vec::new(),
            channels: Channels::Separate,
            audio_track: None,
            word_timestamps: false,
        };
        let job = JobId::new();
        let labels = Labels::default();
        let new =
            jobs::NewJob { id: job, workspace, media: recording.id, options, labels, redo: None, trace: [].into() };
        jobs::insert(&tx, &new).await?;
        let chunk = chunks::insert_whole(&tx, &new).await?;
        for page in segments.chunks(500) {
            transcripts::insert(&tx, job, chunk, page).await?;
        }
        tx.commit().await?;
        Ok((workspace, job))
    }
}

impl Export {
    pub(crate) async fn start(store: &Store, more: &[(&str, &str)]) -> Result<Self> {
        let (grpc, internal) = (free_address()?, free_address()?);
        let process = command(more)
            .env("DATABASE_URL", store.url())
            .env("EXPORT_GRPC_ADDR", grpc.to_string())
            .env("EXPORT_INTERNAL_ADDR", internal.to_string())
            .stderr(Stdio::inherit())
            .spawn()?;
        let mut export = Self { process, channel: Channel::from_static("http://unset").connect_lazy(), internal };
        let endpoint = Endpoint::from_shared(format!("http://{grpc}"))?;
        let connected = tokio::time::timeout(START_LIMIT, async {
            loop {
                if let Ok(channel) = endpoint.connect().await {
                    return channel;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        export.channel = connected.await.context("the service did not start")?;
        Ok(export)
    }

    /// The head and all bytes of a render.
    pub(crate) async fn render(&self, request: RenderRequest) -> Result<(RenderedHead, Vec<u8>), tonic::Status> {
        let mut parts = ExportsClient::new(self.channel.clone()).render(request).await?.into_inner();
        let head = parts.message().await?.and_then(|part| part.head).expect("the first part carries the head");
        let mut bytes = Vec::new();
        while let Some(part) = parts.message().await? {
            assert_eq!(part.head, None);
            assert!(part.data.len() < 64 * 1024);
            bytes.extend(part.data);
        }
        Ok((head, bytes))
    }

    /// Asks the process to stop, and gives its exit code.
    pub(crate) async fn stop(mut self) -> Result<Option<i32>> {
        let id = self.process.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status()?;
        // The connection is closed by both sides, so this one must go on meanwhile.
        tokio::task::spawn_blocking(move || Ok(self.process.wait()?.code())).await?
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
