//! What is heard in each recording while nothing is broken: the same programs with the same settings, in peace.

use std::{path::Path, time::Duration};

use anyhow::{Context, bail, ensure};
use escriba_database::{Database, jobs, transcripts};
use escriba_domain::{JobId, JobState};
use futures_util::TryStreamExt;
use tokio::time::{Instant, sleep};

use crate::{
    caller::Answer,
    house::House,
    recordings::{Kind, Recording},
    stack::Stack,
    world::Reference,
};

const PATIENCE: Duration = Duration::from_mins(2);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The transcripts, and whether this installation runs jobs again.
pub(crate) async fn hear(folder: &Path, recordings: &[Recording]) -> anyhow::Result<(Reference, bool)> {
    let stack = Stack::start(folder, House::sqlite(folder)?, None).await?;
    let database = stack.database().await?;
    let mut sent = Vec::with_capacity(recordings.len());
    for recording in recordings.iter().filter(|recording| recording.kind != Kind::Poison) {
        let answer = stack.callers[0].submit(0, recording, recording.name, "interactive").await;
        let Answer::Said { status: 202, body } = &answer else { bail!("{}: {answer:?}", recording.name) };
        sent.push((recording, body["id"].as_str().context("a job has an id")?.parse()?));
    }
    let mut reference = Vec::with_capacity(recordings.len());
    for (recording, id) in sent {
        let job = over(&stack, &database, id).await.with_context(|| format!("{} in peace", recording.name))?;
        let code = job.failure.map(|failure| failure.code);
        reference.push(match recording.kind {
            Kind::Broken(expected) => {
                ensure!(code.as_deref() == Some(expected.as_str()), "{} failed with {code:?}", recording.name);
                None
            }
            Kind::Short | Kind::Long | Kind::Poison => {
                ensure!(job.state == JobState::Completed, "{} ended {} {code:?}", recording.name, job.state);
                Some(transcripts::segments(&database, id).try_collect().await?)
            }
        });
    }
    reference.resize(recordings.len(), None);
    let can_retry = match stack.callers[0].interface().await {
        Answer::Said { body, .. } => body["paths"].get("/v1/jobs/{id}/retry").is_some(),
        Answer::Nothing(error) => bail!("/openapi.json: {error}"),
    };
    let badly = stack.stop().await?;
    ensure!(badly.is_empty(), "{badly:?}");
    Ok((reference, can_retry))
}

async fn over(stack: &Stack, database: &Database, id: JobId) -> anyhow::Result<jobs::Job> {
    let given_up = Instant::now() + PATIENCE;
    loop {
        let job = jobs::find(database, stack.callers[0].workspace, id).await?.context("the job is gone")?;
        if job.state.is_terminal() {
            return Ok(job);
        }
        ensure!(Instant::now() < given_up, "it is still {}", job.state);
        sleep(LOOK_AGAIN).await;
    }
}
