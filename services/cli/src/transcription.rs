//! Turning files into transcripts with a server's help: upload, follow, fetch, write. Used by `escriba transcribe`
//! and `escriba up --transcribe` alike. It must not know where the server came from, nor start one.

mod follow;
mod outputs;
mod progress;
mod remarks;

pub(crate) use progress::{length, roughly, waiting};

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, bail};
use escriba_domain::JobId;
use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use crate::{
    api::{
        Client,
        jobs::{Format, Job},
        upload::Options,
    },
    screen::Screen,
};
use follow::Ending;
use outputs::Target;
use progress::FileProgress;

/// How many files are under way at once: enough that one uploads while others are transcribed.
const AT_ONCE: usize = 4;

/// What is wanted of a number of files.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) format: Format,
    /// A file, or a folder; `None` is standard output.
    pub(crate) output: Option<PathBuf>,
    pub(crate) options: Options,
}

/// How the files of an order came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    AllDone,
    /// The others are done.
    SomeFailed,
    Interrupted,
}

/// Transcribes all files of the order, a few at a time, and writes the transcripts in the order of the files. When
/// `stop` is cancelled, the server is asked to cancel what is not finished.
pub(crate) async fn run(
    client: &Client,
    order: &Order,
    screen: &Screen,
    stop: &CancellationToken,
) -> anyhow::Result<Outcome> {
    let targets = outputs::plan(&order.files, order.output.as_deref(), order.format)?;
    let started = Started::default();
    let transcripts = stream::iter(&order.files).map(|file| transcribe(client, file, order, screen, &started));
    let mut in_order = transcripts.buffered(AT_ONCE).zip(stream::iter(&targets));

    let mut outcome = Outcome::AllDone;
    loop {
        let next = tokio::select! {
            next = in_order.next() => next,
            () = stop.cancelled() => {
                drop(in_order);
                cancel_unfinished(client, &started, screen).await;
                return Ok(Outcome::Interrupted);
            }
        };
        match next {
            None => return Ok(outcome),
            Some((None, _)) => outcome = Outcome::SomeFailed,
            Some((Some(transcript), target)) => {
                if let Err(error) = deliver(&transcript, target, screen) {
                    screen.line(format_args!("{error:#}"));
                    outcome = Outcome::SomeFailed;
                }
            }
        }
    }
}

/// Jobs that run on the server because of us.
#[derive(Debug, Default)]
struct Started(Mutex<Vec<JobId>>);

impl Started {
    fn add(&self, job: JobId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(job);
    }

    fn remove(&self, job: JobId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|other| *other != job);
    }

    fn take(&self) -> Vec<JobId> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One file from disk to transcript. A failure is told to the person here, and is `None` to the others.
async fn transcribe(
    client: &Client,
    file: &Path,
    order: &Order,
    screen: &Screen,
    started: &Started,
) -> Option<Vec<u8>> {
    let progress = FileProgress::new(screen, file);
    let result = attempt(client, file, order, &progress, started).await;
    match result {
        Ok((job, transcript)) => {
            progress.done(&job);
            Some(transcript)
        }
        Err(error) => {
            progress.failed(&format!("{error:#}"));
            None
        }
    }
}

async fn attempt(
    client: &Client,
    file: &Path,
    order: &Order,
    progress: &FileProgress,
    started: &Started,
) -> anyhow::Result<(Job, Vec<u8>)> {
    let uploading = progress.clone();
    let job = client.submit(file, &order.options, move |sent, size| uploading.uploading(sent, size)).await?;
    started.add(job.id);
    progress.queued();
    let ending = follow::to_the_end(client, job.id, progress).await?;
    started.remove(job.id);
    match ending {
        Ending::Completed => {}
        Ending::Failed(why) => bail!("{} ({})", why.message, why.code),
        Ending::Canceled => bail!("the job was canceled on the server"),
        Ending::Deleted => bail!("the job was deleted on the server"),
    }
    let job = client.job(job.id).await?;
    let transcript = client.transcript(job.id, order.format).await?;
    Ok((job, transcript.to_vec()))
}

fn deliver(transcript: &[u8], target: &Target, screen: &Screen) -> anyhow::Result<()> {
    match target {
        Target::StandardOutput => screen.result(transcript).context("Cannot print the transcript")?,
        Target::File(path) => {
            outputs::write(path, transcript)?;
            screen.line(format_args!("Written: {}", path.display()));
        }
    }
    Ok(())
}

async fn cancel_unfinished(client: &Client, started: &Started, screen: &Screen) {
    let jobs = started.take();
    if jobs.is_empty() {
        return;
    }
    let mut canceled = 0;
    for job in &jobs {
        match client.cancel(*job).await {
            Ok(()) => canceled += 1,
            Err(error) => screen.line(format_args!("Job {job} could not be canceled: {error}")),
        }
    }
    screen.line(match canceled {
        0 => "Interrupted.".to_owned(),
        1 => "Interrupted; the unfinished job was canceled.".to_owned(),
        many => format!("Interrupted; the {many} unfinished jobs were canceled."),
    });
}
