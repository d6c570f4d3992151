//! The transcript as one JSON object, with everything known of it. Written piece by piece; the whole text comes after
//! the segments and is all that is kept meanwhile (a megabyte for a day of speech).

use escriba_domain::{Language, Segment, Transcript, Word, append_spoken};
use serde::Serialize;

use super::Render;

pub(crate) struct Json {
    transcript: Transcript,
    written: u64,
    text: String,
}

/// The fields before the segments, in the order they are written.
#[derive(Serialize)]
struct Opening<'a> {
    job_id: String,
    file_name: &'a str,
    language: Option<Language>,
    task: &'static str,
    model: &'a str,
    /// Seconds.
    duration: Option<f64>,
    version: u32,
}

/// Positions are seconds. A float that JSON cannot hold is `null`.
#[derive(Serialize)]
struct JsonSegment<'a> {
    id: u64,
    start: f64,
    end: f64,
    text: &'a str,
    language: Option<Language>,
    channel: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speaker: Option<&'a str>,
    avg_logprob: Option<f32>,
    no_speech_prob: Option<f32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    words: Vec<JsonWord<'a>>,
}

#[derive(Serialize)]
struct JsonWord<'a> {
    start: f64,
    end: f64,
    word: &'a str,
    probability: Option<f32>,
}

impl Json {
    pub(crate) const fn new(transcript: Transcript) -> Self {
        Self { transcript, written: 0, text: String::new() }
    }
}

impl Render for Json {
    fn begin(&mut self, out: &mut String) {
        let transcript = &self.transcript;
        let opening = encode(&Opening {
            job_id: transcript.job_id.to_string(),
            file_name: &transcript.file_name,
            language: transcript.language,
            task: transcript.task.as_str(),
            model: transcript.model.as_str(),
            duration: transcript.audio_ms.map(seconds),
            version: transcript.version,
        });
        out.push_str(opening.trim_end_matches('}'));
        out.push_str(r#","segments":["#);
    }

    fn segment(&mut self, segment: &Segment, out: &mut String) {
        let text = segment.text.trim();
        if self.written > 0 {
            out.push(',');
        }
        out.push_str(&encode(&JsonSegment {
            id: self.written,
            start: seconds(segment.start_ms),
            end: seconds(segment.end_ms),
            text,
            language: segment.language,
            channel: segment.channel,
            speaker: segment.speaker.as_deref(),
            avg_logprob: finite(segment.avg_logprob),
            no_speech_prob: finite(segment.no_speech_prob),
            words: segment.words.iter().map(word).collect(),
        }));
        self.written += 1;
        append_spoken(&mut self.text, text);
    }

    fn end(&mut self, out: &mut String) {
        out.push_str(r#"],"text":"#);
        out.push_str(&encode(&self.text));
        out.push_str("}\n");
    }
}

fn word(word: &Word) -> JsonWord<'_> {
    JsonWord {
        start: seconds(word.start_ms),
        end: seconds(word.end_ms),
        word: word.text.trim(),
        probability: finite(word.probability),
    }
}

#[allow(clippy::cast_precision_loss, reason = "exact for the first 285,000 years of a recording")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

fn finite(value: f32) -> Option<f32> {
    value.is_finite().then_some(value)
}

fn encode(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("numbers, strings and lists of them are always JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::samples::{segment, transcript, whole};

    #[test]
    fn a_whole_transcript() {
        let mut spoken = segment(0, 1500, " Good \"morning\".");
        (spoken.language, spoken.channel) = (Some(Language::ENGLISH), Some(2));
        spoken.words = vec![crate::formats::samples::word(100, 1234, " Good")];
        let segments = [spoken, segment(61_000, 61_005, " Bye.\n")];
        let expected = concat!(
            r#"{"job_id":"019a9a3e-7c1b-7d52-8f64-0a5b1c2d3e4f","file_name":"talk.mp3","language":"en","#,
            r#""task":"transcribe","model":"base","duration":61.005,"version":3,"segments":["#,
            r#"{"id":0,"start":0.0,"end":1.5,"text":"Good \"morning\".","language":"en","channel":2,"avg_logprob":-0.25,"#,
            r#""no_speech_prob":0.5,"words":[{"start":0.1,"end":1.234,"word":"Good","probability":0.75}]},"#,
            r#"{"id":1,"start":61.0,"end":61.005,"text":"Bye.","language":null,"channel":null,"avg_logprob":-0.25,"#,
            r#""no_speech_prob":0.5}],"text":"Good \"morning\". Bye."}"#,
            "\n",
        );
        assert_eq!(whole(Json::new(transcript()), &segments), expected);
    }

    #[test]
    fn a_recording_without_speech_or_known_length() {
        let mut silent = transcript();
        (silent.audio_ms, silent.language) = (None, None);
        let value: serde_json::Value = serde_json::from_str(&whole(Json::new(silent), &[])).unwrap();
        assert_eq!(value["segments"], serde_json::json!([]));
        assert_eq!(value["text"], "");
        assert!(value["duration"].is_null() && value["language"].is_null());
    }

    #[test]
    fn floats_that_json_cannot_hold_are_null() {
        let mut odd = segment(0, 1, "x");
        (odd.avg_logprob, odd.no_speech_prob) = (f32::NEG_INFINITY, f32::NAN);
        let value: serde_json::Value = serde_json::from_str(&whole(Json::new(transcript()), &[odd])).unwrap();
        assert!(value["segments"][0]["avg_logprob"].is_null());
        assert!(value["segments"][0]["no_speech_prob"].is_null());
    }

    #[test]
    fn a_file_name_that_ends_in_a_brace_keeps_it() {
        let mut odd = transcript();
        odd.file_name = "a}}".to_owned();
        let value: serde_json::Value = serde_json::from_str(&whole(Json::new(odd), &[])).unwrap();
        assert_eq!(value["file_name"], "a}}");
    }

    #[test]
    fn japanese_sentences_are_joined_without_a_space() {
        let segments = [segment(0, 1, "はい。"), segment(1, 2, "そうです"), segment(2, 3, ""), segment(3, 4, "OK")];
        let value: serde_json::Value = serde_json::from_str(&whole(Json::new(transcript()), &segments)).unwrap();
        assert_eq!(value["text"], "はい。そうです OK");
    }
}
