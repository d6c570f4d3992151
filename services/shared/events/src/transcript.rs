//! Segments, warnings and options between the domain's types and the wire's.

use escriba_domain::{Channels, Decoding, Lane, Segment, Statistics, Task, Warning, Word};

use crate::v1;

pub fn segment_to_proto(segment: &Segment) -> v1::Segment {
    v1::Segment {
        index: segment.index,
        start_ms: segment.start_ms,
        end_ms: segment.end_ms,
        text: segment.text.clone(),
        language: segment.language.map(|language| language.code().to_owned()).unwrap_or_default(),
        avg_logprob: segment.avg_logprob,
        no_speech_prob: segment.no_speech_prob,
        words: segment.words.iter().map(word_to_proto).collect(),
        channel: segment.channel.map_or(0, u32::from),
        tokens: segment.decoding.tokens.clone(),
        temperature: segment.decoding.temperature,
        window_start_ms: segment.decoding.window_start_ms,
    }
}

/// An unknown language is read as none.
pub fn segment_from_proto(segment: v1::Segment) -> Segment {
    Segment {
        index: segment.index,
        start_ms: segment.start_ms,
        end_ms: segment.end_ms,
        text: segment.text,
        language: segment.language.parse().ok(),
        avg_logprob: segment.avg_logprob,
        no_speech_prob: segment.no_speech_prob,
        words: segment.words.into_iter().map(word_from_proto).collect(),
        channel: u16::try_from(segment.channel).ok().filter(|&channel| channel > 0),
        speaker: None,
        decoding: Decoding {
            tokens: segment.tokens,
            temperature: segment.temperature,
            window_start_ms: segment.window_start_ms,
        },
    }
}

fn word_to_proto(word: &Word) -> v1::Word {
    v1::Word { start_ms: word.start_ms, end_ms: word.end_ms, text: word.text.clone(), probability: word.probability }
}

fn word_from_proto(word: v1::Word) -> Word {
    Word { start_ms: word.start_ms, end_ms: word.end_ms, text: word.text, probability: word.probability }
}

pub fn warning_to_proto(warning: &Warning) -> v1::Warning {
    v1::Warning { code: warning.code.clone(), message: warning.message.clone() }
}

pub fn warning_from_proto(warning: v1::Warning) -> Warning {
    Warning { code: warning.code, message: warning.message }
}

pub const fn lane_to_proto(lane: Lane) -> v1::Lane {
    match lane {
        Lane::Interactive => v1::Lane::Interactive,
        Lane::Batch => v1::Lane::Batch,
    }
}

/// `None` for a lane this version does not know.
pub const fn lane_from_proto(lane: v1::Lane) -> Option<Lane> {
    match lane {
        v1::Lane::Interactive => Some(Lane::Interactive),
        v1::Lane::Batch => Some(Lane::Batch),
        v1::Lane::Unspecified => None,
    }
}

pub const fn task_to_proto(task: Task) -> v1::Task {
    match task {
        Task::Transcribe => v1::Task::Transcribe,
        Task::Translate => v1::Task::Translate,
    }
}

/// `None` for a task this version does not know.
pub const fn task_from_proto(task: v1::Task) -> Option<Task> {
    match task {
        v1::Task::Transcribe => Some(Task::Transcribe),
        v1::Task::Translate => Some(Task::Translate),
        v1::Task::Unspecified => None,
    }
}

pub const fn channels_to_proto(channels: Channels) -> v1::Channels {
    match channels {
        Channels::Mix => v1::Channels::Mix,
        Channels::Separate => v1::Channels::Separate,
    }
}

/// What this version does not know is mixed.
pub const fn channels_from_proto(channels: v1::Channels) -> Channels {
    match channels {
        v1::Channels::Separate => Channels::Separate,
        v1::Channels::Mix | v1::Channels::Unspecified => Channels::Mix,
    }
}

pub const fn statistics_to_proto(statistics: &Statistics) -> v1::Statistics {
    v1::Statistics {
        speech_ms: statistics.speech_ms,
        windows: statistics.windows,
        full_context_windows: statistics.full_context_windows,
        hotter_windows: statistics.hotter_windows,
        silent_windows: statistics.silent_windows,
        dropped_loops: statistics.dropped_loops,
        dropped_phantoms: statistics.dropped_phantoms,
    }
}

pub const fn statistics_from_proto(statistics: v1::Statistics) -> Statistics {
    Statistics {
        speech_ms: statistics.speech_ms,
        windows: statistics.windows,
        full_context_windows: statistics.full_context_windows,
        hotter_windows: statistics.hotter_windows,
        silent_windows: statistics.silent_windows,
        dropped_loops: statistics.dropped_loops,
        dropped_phantoms: statistics.dropped_phantoms,
    }
}
