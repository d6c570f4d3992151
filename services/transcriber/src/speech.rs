//! From 16 kHz mono samples to timed text. Speech is found first ([`Windower`]), and only speech is recognised
//! ([`Recognizer`]): Whisper invents text for silence. [`listen`] and [`transcribe`] tie the two to a decoder; between them
//! [`Planner`] can cut a long recording into parts that others transcribe. All of it blocks, so it
//! belongs on threads of its own, and none of it knows of jobs, leases or reports.

mod decoding;
mod encoded;
mod engine;
mod languages;
mod logits;
mod merge;
mod model;
mod models;
mod parts;
mod pauses;
mod peaks;
mod phantoms;
mod pipeline;
mod quality;
mod recognizer;
mod search;
mod segments;
#[cfg(feature = "simulated")]
pub mod simulated;
pub mod stored;
mod vocabulary;
mod voice;
mod weights;
mod windower;
mod words;

pub use engine::{Answer, Engine, EngineError};
pub use languages::Detected;
pub use model::{Device, Model, ModelError, ModelSettings};
pub use models::{Borrowed, Models, ModelsError, ModelsSettings};
pub use parts::{FoundPart, PartSpan, Planner};
pub use peaks::Peaks;
pub use pipeline::{Event, Listening, Outcome, PipelineError, Plan, listen, listen_again, transcribe};
pub use recognizer::{RecognizeError, RecognizeOptions, Recognized, RecognizedSegment, Recognizer};
pub use search::ForPlayers;
pub use weights::Weights;
pub use windower::{Packing, Span, Window, Windower};
