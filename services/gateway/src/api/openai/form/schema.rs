//! The forms as the `OpenAPI` document describes them.

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};

/// What `createTranscription` takes.
pub(super) fn transcription() -> MetaSchemaRef {
    let mut properties = vec![
        ("file", file()),
        ("model", model()),
        ("language", text("The language spoken, as a code such as `en`. Left out, it is detected.")),
        (
            "languages[]",
            list("When the language is detected, only these are considered. Not with `language`.", text("")),
        ),
        ("keywords[]", list("Words and names to expect, each of at most 80 characters.", text(""))),
        ("prompt", prompt()),
        ("response_format", one_of(FORMAT, "json", &["json", "text", "srt", "verbose_json", "vtt", "diarized_json"])),
        ("temperature", temperature()),
        (
            "timestamp_granularities[]",
            list("What has times of its own in `verbose_json`; left out: segments.", values(&["word", "segment"])),
        ),
        (
            "include[]",
            list("`logprobs` adds the log probability of each word to the format `json`.", values(&["logprobs"])),
        ),
        ("stream", stream()),
        (
            "chunking_strategy",
            text(
                "`auto`, or an object of the type `server_vad` as JSON. Speech is always searched for, in the same way, \
                 so it changes nothing.",
            ),
        ),
    ];
    properties.extend([
        (
            "known_speaker_names[]",
            list("Names for the samples of voices. Voices are not recognised yet, so they change nothing.", text("")),
        ),
        ("known_speaker_references[]", list("Samples of voices as data URLs, at most four.", text(""))),
    ]);
    form(properties)
}

/// What `createTranslation` takes.
pub(super) fn translation() -> MetaSchemaRef {
    form(vec![
        ("file", file()),
        ("model", model()),
        ("language", text("The language spoken, as a code such as `es`. Left out, it is detected.")),
        ("prompt", prompt()),
        ("response_format", one_of(FORMAT, "json", &["json", "text", "srt", "verbose_json", "vtt"])),
        ("temperature", temperature()),
    ])
}

const FORMAT: &str = "How the answer is written. `diarized_json` transcribes each channel on its own, as a speaker.";

fn form(properties: Vec<(&'static str, MetaSchemaRef)>) -> MetaSchemaRef {
    inline(MetaSchema { properties, required: vec!["file", "model"], ..MetaSchema::new("object") })
}

fn file() -> MetaSchemaRef {
    inline(MetaSchema {
        description: Some("The recording: any audio or video file."),
        ..MetaSchema::new_with_format("string", "binary")
    })
}

fn model() -> MetaSchemaRef {
    text("One of the models that `/v1/models` lists. `whisper-1` is this server's usual one.")
}

fn prompt() -> MetaSchemaRef {
    text(
        "Names and terms that occur in the recording. Of a long prompt, the last 800 characters count, keywords included.",
    )
}

fn temperature() -> MetaSchemaRef {
    inline(MetaSchema {
        description: Some("From 0 to 1. Recognition starts at 0 and tries more where that is poor, whatever this is."),
        default: Some(0.into()),
        ..MetaSchema::new("number")
    })
}

fn stream() -> MetaSchemaRef {
    inline(MetaSchema {
        description: Some(
            "Whether the answer is a stream of server-sent events with the text as it becomes final. With the formats \
             `json`, `text` and `diarized_json`.",
        ),
        default: Some(false.into()),
        ..MetaSchema::new("boolean")
    })
}

fn text(description: &'static str) -> MetaSchemaRef {
    let description = Some(description).filter(|description| !description.is_empty());
    inline(MetaSchema { description, ..MetaSchema::new("string") })
}

fn one_of(description: &'static str, default: &str, values: &[&str]) -> MetaSchemaRef {
    inline(MetaSchema {
        description: Some(description),
        default: Some(default.into()),
        enum_items: values.iter().map(|&value| value.into()).collect(),
        ..MetaSchema::new("string")
    })
}

fn values(values: &[&str]) -> MetaSchemaRef {
    let enum_items = values.iter().map(|&value| value.into()).collect();
    inline(MetaSchema { enum_items, ..MetaSchema::new("string") })
}

fn list(description: &'static str, items: MetaSchemaRef) -> MetaSchemaRef {
    inline(MetaSchema { description: Some(description), items: Some(Box::new(items)), ..MetaSchema::new("array") })
}

fn inline(schema: MetaSchema) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(schema))
}
