//! A thread of its own for each recording that is worked on: it owns the recogniser's state, and the decoding child,
//! which dies with the thread that started it.

use std::{
    fs::File,
    io,
    sync::{Arc, atomic::AtomicBool},
    thread,
};

use tokio::sync::{mpsc, oneshot};

use crate::{
    media::Decoder,
    speech::{self, Event, Model, ModelError, Outcome, PipelineError, Plan, RecognizeOptions, Recognizer},
};

/// A recording to transcribe.
#[derive(Debug)]
pub(crate) struct SlotJob {
    pub(crate) file: File,
    pub(crate) options: RecognizeOptions,
    /// Everything before this is transcribed already.
    pub(crate) resume_ms: u64,
    pub(crate) next_index: u32,
    pub(crate) cancel: Arc<AtomicBool>,
    /// Full when nobody listens: recognition then waits.
    pub(crate) events: mpsc::Sender<Event>,
}

/// Why there is no such slot.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("the system gave no thread: {0}")]
    Thread(#[from] io::Error),
}

type Ended = Result<Outcome, PipelineError>;

/// Works on one recording at a time.
#[derive(Debug)]
pub(crate) struct Slot {
    jobs: mpsc::Sender<(SlotJob, oneshot::Sender<Ended>)>,
}

impl Slot {
    /// Makes the recogniser's state, which takes memory, and starts the thread.
    pub(crate) fn start(model: &Model, number: usize) -> Result<Self, StartError> {
        let mut recognizer = model.recognizer()?;
        let (jobs, mut taken) = mpsc::channel::<(SlotJob, oneshot::Sender<Ended>)>(1);
        let name = format!("slot-{number}");
        let run = move || {
            while let Some((job, ended)) = taken.blocking_recv() {
                // Nobody hears the end of an attempt that was given up.
                ended.send(transcribe(job, &mut recognizer)).ok();
            }
        };
        thread::Builder::new().name(name).spawn(run)?;
        Ok(Self { jobs })
    }

    /// `None` when the thread died.
    pub(crate) async fn transcribe(&self, job: SlotJob) -> Option<Ended> {
        let (ended, end) = oneshot::channel();
        self.jobs.send((job, ended)).await.ok()?;
        end.await.ok()
    }
}

fn transcribe(job: SlotJob, recognizer: &mut Recognizer) -> Ended {
    let decoder = Decoder::spawn(job.file)?;
    let plan = Plan { options: job.options, resume_ms: job.resume_ms, next_index: job.next_index };
    let events = job.events;
    speech::run(decoder, recognizer, plan, &job.cancel, |event| {
        // Nobody listens to an attempt that was given up.
        events.blocking_send(event).ok();
    })
}
