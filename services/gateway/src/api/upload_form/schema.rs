//! The form as the `OpenAPI` document describes it.

use escriba_domain::{Channels, Lane, Task};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};

/// The form's parts.
pub(super) fn form() -> MetaSchemaRef {
    let media = MetaSchema {
        description: Some("The recording: any audio or video file."),
        ..MetaSchema::new_with_format("string", "binary")
    };
    let properties = vec![
        ("language", text("A language code such as `en` or `es`, or `auto` to detect it.", Some("auto"))),
        (
            "languages",
            text(
                "When the language is detected, only these are considered: codes separated by commas, such as `en,es`. \
                 May be repeated. Left out: all. Not together with `language`.",
                None,
            ),
        ),
        (
            "multilingual",
            yes_or_no(
                "Whether the language is detected anew throughout, for recordings that change it. Not together with \
                 `language`.",
            ),
        ),
        ("task", one_of("Text in the language spoken, or in English.", "transcribe", names(Task::ALL))),
        ("model", text("One of the models this server offers. Left out: its default.", None)),
        ("lane", one_of("Whether somebody waits for it.", "interactive", names(Lane::ALL))),
        (
            "prompt",
            text("Names and terms that occur in the recording, at most 800 characters, hotwords included.", None),
        ),
        (
            "hotwords",
            text(
                "Words and names to expect everywhere in the recording, separated by commas or line breaks, each of at \
                 most 80 characters. May be repeated.",
                None,
            ),
        ),
        (
            "channels",
            one_of(
                "All channels heard as one, or each transcribed on its own, as for a phone call with one speaker a \
                 channel.",
                "mix",
                names(Channels::ALL),
            ),
        ),
        (
            "audio_track",
            text(
                "Which audio track of a video: its number, counted from 1, or its language, such as `es` or `spa`. Left \
                 out: the one most likely meant.",
                None,
            ),
        ),
        ("word_timestamps", yes_or_no("Whether the transcript should have the times of each word.")),
        ("title", text("A title, at most 200 characters.", None)),
        (
            "tags",
            text(
                "Tags to find the job by, separated by commas: at most 32, each of at most 64 characters. May be \
                 repeated.",
                None,
            ),
        ),
        (
            "metadata",
            text(
                "Whatever you want to keep with the job: a JSON object of at most 16 keys, of at most 64 characters \
                 each, with texts of at most 1000 characters as values.",
                None,
            ),
        ),
        ("media", inline(media)),
    ];
    inline(MetaSchema { properties, required: vec!["media"], ..MetaSchema::new("object") })
}

fn text(description: &'static str, default: Option<&str>) -> MetaSchemaRef {
    inline(MetaSchema { description: Some(description), default: default.map(Into::into), ..MetaSchema::new("string") })
}

fn one_of(description: &'static str, default: &str, values: Vec<serde_json::Value>) -> MetaSchemaRef {
    inline(MetaSchema {
        description: Some(description),
        default: Some(default.into()),
        enum_items: values,
        ..MetaSchema::new("string")
    })
}

fn yes_or_no(description: &'static str) -> MetaSchemaRef {
    inline(MetaSchema { description: Some(description), default: Some(false.into()), ..MetaSchema::new("boolean") })
}

fn names<T: ToString>(all: &[T]) -> Vec<serde_json::Value> {
    all.iter().map(|value| value.to_string().into()).collect()
}

fn inline(schema: MetaSchema) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(schema))
}
