//! The `OpenAPI` document: what the framework derives from the operations, and the examples it has no words for.

use std::sync::Arc;

use poem_openapi::{OpenApi, OpenApiService, Tags};
use serde_json::{Value, json};

pub(super) const DESCRIPTION: &str = "\
Escriba turns recordings into text and subtitles. Submit a recording, follow its job, read the transcript.\n\n\
Every request needs an API key: `Authorization: Bearer esc_…`. Errors are RFC 9457 problems \
(`application/problem+json`) with a stable `code`. Positions in recordings are decimal seconds; times are RFC 3339, \
UTC.";

const EXAMPLE_ID: &str = "019a9a3e-7c1b-7d52-8f64-0a5b1c2d3e4f";

/// How the operations are grouped.
#[derive(Tags)]
pub(super) enum Group {
    /// Submit recordings, follow them, cancel them, run them again and delete them.
    Jobs,
    /// Read the text.
    Transcripts,
    /// See what waits and who works.
    Queue,
}

/// The finished document, built once.
#[derive(Clone)]
pub(super) struct Document(pub(super) Arc<Value>);

pub(super) fn build<T: OpenApi>(service: &OpenApiService<T, ()>) -> Document {
    let mut document: Value = serde_json::from_str(&service.spec()).unwrap_or_default();
    if let Some(paths) = document["paths"].as_object_mut() {
        let operations = paths.values_mut().filter_map(Value::as_object_mut).flat_map(|path| path.values_mut());
        for operation in operations {
            add_examples(operation);
        }
    }
    Document(Arc::new(document))
}

fn add_examples(operation: &mut Value) {
    // Indexing would write `null` where there is nothing.
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        if parameter["name"] == "id" {
            parameter["example"] = json!(EXAMPLE_ID);
        }
        if parameter["name"] == "version" {
            parameter["example"] = json!(1);
        }
    }
    if operation["operationId"] == "createJob" {
        operation["requestBody"]["content"]["multipart/form-data"]["example"] = json!({
            "languages": "en,es",
            "prompt": "A talk about message queues.",
            "hotwords": "Escriba, JetStream, Traefik",
            "channels": "mix",
            "word_timestamps": true,
            "media": "(the recording's bytes)",
        });
    }
    if operation["operationId"] == "getTranscript" {
        operation["responses"]["200"]["content"]["application/json"]["example"] = transcript();
    }
    let operation_id = operation["operationId"].clone();
    for (status, response) in operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flatten() {
        if response["description"] == "" {
            response["description"] = json!(if operation_id == "listJobs" { "A page of jobs." } else { "The job." });
        }
        for (content_type, content) in response.get_mut("content").and_then(Value::as_object_mut).into_iter().flatten()
        {
            if let Some(example) = example(status, content_type) {
                content["example"] = example;
            }
        }
    }
}

/// What an answer of this kind looks like. JSON answers of a schema with an example of its own need none here.
fn example(status: &str, content_type: &str) -> Option<Value> {
    let essence = content_type.split(';').next().unwrap_or_default();
    match essence {
        "application/problem+json" => Some(problem(status)),
        "text/event-stream" => Some(json!([{
            "job_id": EXAMPLE_ID, "processed": 5.5, "duration": 11.0, "speed": 9.4, "time_left": 0.6
        }])),
        "application/x-subrip" => Some(json!("1\n00:00:00,320 --> 00:00:02,160\nAnd so my fellow Americans,\n\n")),
        "text/vtt" => Some(json!("WEBVTT\n\n00:00:00.320 --> 00:00:02.160\nAnd so my fellow Americans,\n\n")),
        "application/octet-stream" => Some(json!("(the recording's bytes)")),
        "text/plain" => Some(json!("And so my fellow Americans,\n")),
        _ => None,
    }
}

fn transcript() -> Value {
    json!({
        "job_id": EXAMPLE_ID,
        "file_name": "interview.mp3",
        "language": "en",
        "task": "transcribe",
        "model": "base",
        "duration": 11.0,
        "version": 1,
        "segments": [{
            "id": 0,
            "start": 0.32,
            "end": 2.16,
            "text": "And so my fellow Americans,",
            "language": "en",
            "channel": null,
            "avg_logprob": -0.21,
            "no_speech_prob": 0.02,
        }],
        "text": "And so my fellow Americans,",
    })
}

fn problem(status: &str) -> Value {
    let (title, code, detail) = match status {
        "400" => ("Bad Request", "bad_request", "The form cannot be read: it ends before its last part does."),
        "401" => ("Unauthorized", "api_key_invalid", "The API key is unknown, expired or revoked."),
        "404" => ("Not Found", "job_not_found", "There is no job 019a9a3e-7c1b-7d52-8f64-0a5b1c2d3e4f."),
        "409" => ("Conflict", "job_over", "The job is completed already, so there is nothing to cancel."),
        "410" => ("Gone", "media_deleted", "The recording has been deleted, as this workspace asks for."),
        "412" => ("Precondition Failed", "version_changed", "The transcript is at version 3 by now. Read it again."),
        "413" => ("Payload Too Large", "upload_too_large", "The recording is larger than this server takes."),
        "416" => ("Range Not Satisfiable", "range_invalid", "The recording has 176128 bytes, and none of them there."),
        "428" => ("Precondition Required", "version_required", "Say which version of the transcript this is for."),
        "422" => ("Unprocessable Entity", "option_invalid", "The option `lane` is wrong: use interactive or batch."),
        "503" => ("Service Unavailable", "unavailable", "Something the server needs is away for the moment."),
        "507" => ("Insufficient Storage", "storage_full", "The server has no room left to store this."),
        _ => ("Internal Server Error", "internal", "Something went wrong on the server. Its log has the cause."),
    };
    json!({
        "type": format!("urn:escriba:problem:{code}"),
        "title": title,
        "status": status.parse::<u16>().unwrap_or(500),
        "code": code,
        "detail": detail,
    })
}
