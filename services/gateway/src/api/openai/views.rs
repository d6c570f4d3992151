//! Transcripts in the shapes of OpenAI's interface.

use escriba_database::jobs::Job;
use escriba_domain::{Language, Segment, Task, Word, append_spoken};
use poem_openapi::{Object, Union, types::Example};

use super::measures::{compression_ratio, decimal, logarithm, speaker};
use crate::api::job_view::seconds;

/// A transcript as JSON: the first kind for `json`, the second for `verbose_json`, the third for `diarized_json`.
#[derive(Debug, Union)]
#[oai(rename = "OpenAiTranscript")]
pub(super) enum TranscriptView {
    Plain(PlainView),
    Verbose(VerboseView),
    Diarized(DiarizedView),
}

/// `json`
#[derive(Debug, Object)]
#[oai(rename = "OpenAiTranscription", example)]
pub(super) struct PlainView {
    text: String,
    /// The language given or detected; empty when nobody speaks.
    languages: Vec<LanguageView>,
    /// Of each word, where it was asked for.
    #[oai(skip_serializing_if_is_none)]
    logprobs: Option<Vec<LogprobView>>,
    usage: UsageView,
}

/// `verbose_json`
#[derive(Debug, Object)]
#[oai(rename = "OpenAiTranscriptionVerbose")]
pub(super) struct VerboseView {
    /// `transcribe` or `translate`
    task: String,
    /// The text's language by its English name, such as `spanish`; `unknown` when nobody speaks.
    language: String,
    /// The recording's length in seconds.
    duration: f64,
    text: String,
    /// Unless only words were asked for.
    #[oai(skip_serializing_if_is_none)]
    segments: Option<Vec<SegmentView>>,
    /// Where they were asked for.
    #[oai(skip_serializing_if_is_none)]
    words: Option<Vec<WordView>>,
    usage: UsageView,
}

/// `diarized_json`
#[derive(Debug, Object)]
#[oai(rename = "OpenAiTranscriptionDiarized")]
pub(super) struct DiarizedView {
    /// `transcribe`
    task: String,
    /// The recording's length in seconds.
    duration: f64,
    text: String,
    segments: Vec<SpeakerSegmentView>,
    usage: UsageView,
}

/// A language by its code.
#[derive(Debug, Clone, Object)]
#[oai(rename = "OpenAiLanguage")]
pub(super) struct LanguageView {
    code: String,
}

/// How sure the model is of a word.
#[derive(Debug, Clone, Object)]
#[oai(rename = "OpenAiLogprob")]
pub(super) struct LogprobView {
    /// The word.
    token: String,
    /// Natural logarithm of the mean probability of what the model put it together from.
    logprob: f64,
    /// The word in UTF-8.
    bytes: Vec<u8>,
}

/// A timed piece of text.
#[derive(Debug, Object)]
#[oai(rename = "OpenAiSegment")]
pub(super) struct SegmentView {
    /// Counts from 0.
    id: u64,
    /// Where the window of speech starts in which it was heard, in hundredths of a second.
    seek: u64,
    start: f64,
    end: f64,
    text: String,
    /// The model's own numbers for pieces of text and times.
    tokens: Vec<u32>,
    /// At which it was decoded.
    temperature: f64,
    /// Mean natural-log probability of the text tokens.
    avg_logprob: f64,
    /// How many times its packed size the text is long. Much above 2 it repeats itself.
    compression_ratio: f64,
    /// 0 to 1.
    no_speech_prob: f64,
}

/// A word and when it is said.
#[derive(Debug, Object)]
#[oai(rename = "OpenAiWord")]
pub(super) struct WordView {
    word: String,
    start: f64,
    end: f64,
}

/// A timed piece of text of one speaker.
#[derive(Debug, Clone, Object)]
#[oai(rename = "OpenAiSpeakerSegment")]
pub(super) struct SpeakerSegmentView {
    /// `transcript.text.segment`
    #[oai(rename = "type")]
    kind: String,
    pub(super) id: String,
    start: f64,
    end: f64,
    text: String,
    /// `A` is the first channel, `B` the second.
    speaker: String,
}

/// How much was transcribed.
#[derive(Debug, Clone, Object)]
#[oai(rename = "OpenAiUsage")]
pub(super) struct UsageView {
    /// `duration`
    #[oai(rename = "type")]
    kind: String,
    /// The recording's length.
    seconds: f64,
}

impl PlainView {
    pub(super) fn new(job: &Job, segments: &[Segment], logprobs: bool) -> Self {
        Self {
            text: whole(segments),
            languages: languages(job),
            logprobs: logprobs.then(|| segments.iter().flat_map(self::logprobs).collect()),
            usage: UsageView::new(job),
        }
    }
}

impl VerboseView {
    pub(super) fn new(job: &Job, segments: &[Segment]) -> Self {
        let spoken = job.spoken_language.or(job.options.language);
        let language = match job.options.task {
            Task::Translate => "english",
            Task::Transcribe => spoken.map_or("unknown", Language::english_name),
        };
        Self {
            task: job.options.task.to_string(),
            language: language.to_owned(),
            duration: duration(job),
            text: whole(segments),
            segments: None,
            words: None,
            usage: UsageView::new(job),
        }
    }

    pub(super) fn with_segments(self, segments: &[Segment]) -> Self {
        Self {
            segments: Some((0..).zip(segments).map(|(id, segment)| SegmentView::new(id, segment)).collect()),
            ..self
        }
    }

    pub(super) fn with_words(self, segments: &[Segment]) -> Self {
        let words = segments.iter().flat_map(|segment| &segment.words);
        Self { words: Some(words.map(WordView::new).collect()), ..self }
    }
}

impl DiarizedView {
    pub(super) fn new(job: &Job, segments: &[Segment]) -> Self {
        Self {
            task: job.options.task.to_string(),
            duration: duration(job),
            text: whole(segments),
            segments: (0..).zip(segments).map(|(id, segment)| SpeakerSegmentView::new(id, segment)).collect(),
            usage: UsageView::new(job),
        }
    }
}

impl SegmentView {
    fn new(id: u64, segment: &Segment) -> Self {
        Self {
            id,
            seek: segment.decoding.window_start_ms / 10,
            start: seconds(segment.start_ms),
            end: seconds(segment.end_ms),
            text: segment.text.clone(),
            tokens: segment.decoding.tokens.clone(),
            temperature: decimal(segment.decoding.temperature),
            avg_logprob: decimal(segment.avg_logprob),
            compression_ratio: compression_ratio(&segment.text),
            no_speech_prob: decimal(segment.no_speech_prob),
        }
    }
}

impl WordView {
    fn new(word: &Word) -> Self {
        Self { word: word.text.clone(), start: seconds(word.start_ms), end: seconds(word.end_ms) }
    }
}

impl SpeakerSegmentView {
    pub(super) fn new(id: u64, segment: &Segment) -> Self {
        Self {
            kind: "transcript.text.segment".to_owned(),
            id: format!("seg_{id}"),
            start: seconds(segment.start_ms),
            end: seconds(segment.end_ms),
            text: segment.text.clone(),
            speaker: speaker(segment.channel),
        }
    }
}

impl UsageView {
    pub(super) fn new(job: &Job) -> Self {
        Self { kind: "duration".to_owned(), seconds: duration(job) }
    }
}

fn duration(job: &Job) -> f64 {
    seconds(job.audio_ms.unwrap_or_default())
}

pub(super) fn languages(job: &Job) -> Vec<LanguageView> {
    let spoken = job.spoken_language.or(job.options.language);
    spoken.map(|language| LanguageView { code: language.to_string() }).into_iter().collect()
}

pub(super) fn logprobs(segment: &Segment) -> impl Iterator<Item = LogprobView> {
    segment.words.iter().map(|word| LogprobView {
        token: word.text.clone(),
        logprob: logarithm(word.probability),
        bytes: word.text.clone().into_bytes(),
    })
}

fn whole(segments: &[Segment]) -> String {
    let mut text = String::new();
    for segment in segments {
        append_spoken(&mut text, &segment.text);
    }
    text
}

impl Example for PlainView {
    fn example() -> Self {
        Self {
            text: "And so my fellow Americans,".to_owned(),
            languages: vec![LanguageView { code: "en".to_owned() }],
            logprobs: None,
            usage: UsageView { kind: "duration".to_owned(), seconds: 11.0 },
        }
    }
}
