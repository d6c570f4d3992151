//! From 16 kHz mono samples to timed text. Speech is found first ([`Windower`]), and only speech is recognised
//! ([`Recognizer`]): Whisper invents text for silence. [`run`] ties the two to a decoder. All of it blocks, so it
//! belongs on threads of its own, and none of it knows of jobs, leases or reports.

mod abort;
mod annotations;
mod model;
mod pipeline;
mod recognizer;
mod voice;
mod windower;
mod words;

pub use model::{Device, Model, ModelError, ModelSettings};
pub use pipeline::{Event, Outcome, PipelineError, Plan, run};
pub use recognizer::{RecognizeError, RecognizeOptions, Recognized, RecognizedSegment, Recognizer};
pub use windower::{Window, Windower};
