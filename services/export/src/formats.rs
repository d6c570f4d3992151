//! The forms a transcript can be written in. A renderer is handed one segment at a time and appends text; it keeps
//! no more of the transcript than its own rules need, and does no input or output.

pub(crate) mod cues;
pub(crate) mod file_name;
pub(crate) mod json;
pub(crate) mod srt;
pub(crate) mod text;
pub(crate) mod txt;
pub(crate) mod vtt;

use escriba_domain::{Segment, Transcript};

/// A form a transcript can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Srt,
    Vtt,
    Txt,
    Json,
}

/// How lines end in SRT, VTT and TXT. JSON has no lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineEnding {
    Lf,
    Crlf,
}

/// Writes one transcript: `begin`, then `segment` for each in order, then `end`.
pub(crate) trait Render: Send {
    fn begin(&mut self, out: &mut String);
    fn segment(&mut self, segment: &Segment, out: &mut String);
    fn end(&mut self, out: &mut String);
}

impl Format {
    /// The name in metrics and spans, and the file's extension.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Srt => "srt",
            Self::Vtt => "vtt",
            Self::Txt => "txt",
            Self::Json => "json",
        }
    }

    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Srt => "application/x-subrip; charset=utf-8",
            Self::Vtt => "text/vtt; charset=utf-8",
            Self::Txt => "text/plain; charset=utf-8",
            Self::Json => "application/json",
        }
    }

    /// A renderer for one transcript.
    pub(crate) fn renderer(self, line_ending: LineEnding, transcript: Transcript) -> Box<dyn Render> {
        let newline = line_ending.as_str();
        match self {
            Self::Srt => Box::new(srt::Srt::renderer(newline)),
            Self::Vtt => Box::new(vtt::Vtt::renderer(newline)),
            Self::Txt => Box::new(txt::Txt::new(newline)),
            Self::Json => Box::new(json::Json::new(transcript)),
        }
    }
}

impl LineEnding {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Lf => "\n",
            Self::Crlf => "\r\n",
        }
    }
}

#[cfg(test)]
pub(crate) mod samples {
    //! Segments and transcripts for the tests of every format.

    use escriba_domain::{Decoding, JobId, Segment, Task, Transcript, Word};

    use super::Render;

    pub(crate) fn segment(start_ms: u64, end_ms: u64, text: &str) -> Segment {
        Segment {
            index: 0,
            start_ms,
            end_ms,
            text: text.to_owned(),
            language: None,
            channel: None,
            avg_logprob: -0.25,
            no_speech_prob: 0.5,
            words: Vec::new(),
            decoding: Decoding::default(),
            speaker: None,
        }
    }

    pub(crate) fn word(start_ms: u64, end_ms: u64, text: &str) -> Word {
        Word { start_ms, end_ms, text: text.to_owned(), probability: 0.75 }
    }

    pub(crate) fn transcript() -> Transcript {
        Transcript {
            job_id: "019a9a3e-7c1b-7d52-8f64-0a5b1c2d3e4f".parse::<JobId>().unwrap(),
            file_name: "talk.mp3".to_owned(),
            language: Some("en".parse().unwrap()),
            task: Task::Transcribe,
            model: "base".parse().unwrap(),
            audio_ms: Some(61_005),
            version: 3,
        }
    }

    pub(crate) fn whole(mut renderer: impl Render, segments: &[Segment]) -> String {
        let mut out = String::new();
        renderer.begin(&mut out);
        for segment in segments {
            renderer.segment(segment, &mut out);
        }
        renderer.end(&mut out);
        out
    }
}
