//! The `OpenAPI` document: what the framework derives from the operations, and the examples it has no words for.

mod allow;
mod dialect;
mod variants;

use std::sync::Arc;

use poem_openapi::{OpenApi, OpenApiService, Tags};
use serde_json::{Map, Value, json};

pub(super) use allow::name_methods;

use super::openai;

pub(super) const DESCRIPTION: &str = "\
Escriba turns recordings into text and subtitles. Submit a recording, follow its job, read the transcript.\n\n\
Every request needs an API key: `Authorization: Bearer esc_…`. Each operation names the scope that the key must have \
(`x-scope`); no scope includes another. Errors are RFC 9457 problems \
(`application/problem+json`) with a stable `code`, save on the paths of OpenAI's interface, whose programs expect its \
own. Positions in recordings are decimal seconds; times are RFC 3339, \
UTC.";

const KEY_SCHEME: &str = "api_key";

const EXAMPLE_ID: &str = "019a9a3e-7c1b-7d52-8f64-0a5b1c2d3e4f";

/// The schema of a job in a list.
pub(super) const LISTED_JOB: &str = "ListedJob";

const CLOSED: [&str; 8] =
    ["ApiKeyChange", "BulkExport", "BulkSelection", "ImportJob", "JobFilter", "JobPatch", "NewApiKey", "RedoSpan"];

/// How the operations are grouped.
#[derive(Tags)]
pub(super) enum Group {
    /// Submit recordings, follow them, cancel them, run them again and delete them.
    Jobs,
    /// Send recordings over connections that break.
    Uploads,
    /// Read the text.
    Transcripts,
    /// See what waits and who works.
    Queue,
    /// Make, rename and revoke the workspace's API keys.
    #[oai(rename = "API keys")]
    ApiKeys,
    /// For programs written for OpenAI's interface. Errors are OpenAI's here.
    #[oai(rename = "OpenAI")]
    OpenAi,
}

/// The finished document, built once.
#[derive(Clone)]
pub(super) struct Document(pub(super) Arc<Value>);

pub(super) fn build<T: OpenApi>(service: &OpenApiService<T, ()>) -> Document {
    let mut document: Value = serde_json::from_str(&service.spec()).unwrap_or_default();
    document["components"]["securitySchemes"] = json!({ KEY_SCHEME: {
        "type": "http",
        "scheme": "bearer",
        "description": "A workspace's API key, sent as `Authorization: Bearer esc_…`. What it may be used for, its scopes say.",
    } });
    document["components"]["headers"] = rate_headers();
    if let Some(paths) = document["paths"].as_object_mut() {
        let operations = paths.values_mut().filter_map(Value::as_object_mut).flat_map(|path| path.values_mut());
        for operation in operations {
            name_scope(operation);
            name_rate_headers(operation);
            add_examples(operation);
        }
    }
    document["components"]["schemas"]["Transcript"] = transcript_schema();
    variants::unite(&mut document);
    dialect::modernise(&mut document);
    close(&mut document["components"]["schemas"]);
    document["components"]["schemas"][LISTED_JOB] = listed_job(&document["components"]["schemas"]["Job"]);
    Document(Arc::new(document))
}

/// The page for people: the framework's own, showing the finished document.
pub(super) fn page<T: OpenApi>(service: &OpenApiService<T, ()>, document: &Document) -> String {
    service.swagger_ui_html().replacen(&service.spec(), &document.0.to_string(), 1)
}

/// There is one kind of key. The framework has a scheme for each scope, which becomes a property of the operation:
/// `OpenAPI` 3.0 has no scopes for bearer tokens.
fn name_scope(operation: &mut Value) {
    let scope =
        operation["security"].get(0).and_then(Value::as_object).and_then(|scheme| scheme.keys().next().cloned());
    let Some(scope) = scope else { return };
    let description = operation["description"].as_str().unwrap_or_default();
    operation["description"] = json!(format!("{description}\n\nThe API key needs the scope `{scope}`."));
    operation["security"] = json!([{ KEY_SCHEME: [] }]);
    operation["x-scope"] = json!(scope);
}

fn rate_headers() -> Value {
    let header = |text: &str| json!({ "description": text, "schema": { "type": "integer", "minimum": 0 } });
    json!({
        "RateLimit-Limit": header("How many requests a minute the key may send. Missing where it may send any number."),
        "RateLimit-Remaining": header("How many it may send at once now."),
        "RateLimit-Reset": header("In how many seconds it may send all of them at once again."),
    })
}

/// They come with every answer, so they are described once.
fn name_rate_headers(operation: &mut Value) {
    for response in operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
    {
        for name in ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"] {
            response["headers"][name] = json!({ "$ref": format!("#/components/headers/{name}") });
        }
    }
}

fn add_examples(operation: &mut Value) {
    // Indexing would write `null` where there is nothing.
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap_or_default();
        // tus demands its headers; an operation takes them as optional to refuse their absence in its own words.
        let example = match name {
            "id" => json!(EXAMPLE_ID),
            "Tus-Resumable" => json!("1.0.0"),
            "Upload-Offset" => json!(0),
            "Upload-Length" => json!(176_128),
            "If-Match" => json!("\"1\""),
            "version" => json!(1),
            _ => continue,
        };
        let may_be_left_out = name == "version";
        parameter["example"] = example;
        if !may_be_left_out {
            parameter["required"] = json!(true);
        }
    }
    if operation["operationId"] == "createJob" {
        let form = &mut operation["requestBody"]["content"]["multipart/form-data"];
        form["schema"]["additionalProperties"] = json!(false);
        form["example"] = json!({
            "languages": "en,es",
            "prompt": "A talk about message queues.",
            "hotwords": "Escriba, JetStream, Traefik",
            "channels": "mix",
            "word_timestamps": true,
            "title": "Interview with the mayor",
            "tags": "radio,2026",
            "metadata": "{\"customer\": \"4711\"}",
            "media": "(the recording's bytes)",
        });
    }
    if operation["operationId"] == "appendToUpload" {
        operation["requestBody"]["required"] = json!(true);
    }
    if let Some(bytes) = operation.pointer_mut("/requestBody/content/application~1offset+octet-stream") {
        bytes["example"] = json!("(bytes of the recording)");
    }
    openai::add_examples(operation);
    if operation["operationId"] == "getTranscript" {
        let json = &mut operation["responses"]["200"]["content"]["application/json"];
        json["example"] = transcript();
        json["schema"] = json!({ "$ref": "#/components/schemas/Transcript" });
    }
    if operation["operationId"] == "getMedia" {
        for status in ["200", "206"] {
            let content = &mut operation["responses"][status]["content"];
            let bytes = content["application/octet-stream"].clone();
            for kind in ["audio/*", "video/*"] {
                content[kind] = bytes.clone();
            }
        }
    }
    let operation_id = operation["operationId"].clone();
    for (status, response) in operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flatten() {
        if response["description"] == "" {
            response["description"] = json!(if operation_id == "listJobs" { "A page of jobs." } else { "The job." });
        }
        for (name, header) in response.get_mut("headers").and_then(Value::as_object_mut).into_iter().flatten() {
            if let Some(example) = header_example(name) {
                header["example"] = example;
            }
        }
        for (content_type, content) in response.get_mut("content").and_then(Value::as_object_mut).into_iter().flatten()
        {
            if let Some(example) = example(status, content_type)
                && content.get("example").is_none()
            {
                content["example"] = example;
            }
        }
    }
}

/// What a header of an upload's answers looks like.
fn header_example(name: &str) -> Option<Value> {
    match name {
        "TUS-VERSION" => Some(json!("1.0.0")),
        "TUS-EXTENSION" => Some(json!("creation,creation-with-upload,termination,checksum,expiration")),
        "TUS-MAX-SIZE" => Some(json!(8_589_934_592_u64)),
        "TUS-CHECKSUM-ALGORITHM" => Some(json!("sha1,sha256")),
        "UPLOAD-OFFSET" | "UPLOAD-LENGTH" => Some(json!(25_165_824)),
        "UPLOAD-EXPIRES" => Some(json!("Sun, 22 Nov 2026 18:00:00 GMT")),
        "UPLOAD-METADATA" => Some(json!("filename aW50ZXJ2aWV3Lm1wMw==,lane YmF0Y2g=")),
        "X-ESCRIBA-JOB" => Some(json!(EXAMPLE_ID)),
        _ => None,
    }
}

/// What an answer of this kind looks like. JSON answers of a schema with an example of its own need none here.
fn example(status: &str, content_type: &str) -> Option<Value> {
    let essence = content_type.split(';').next().unwrap_or_default();
    match essence {
        "application/problem+json" => Some(problem(status)),
        "text/event-stream" => Some(json!({
            "event": "job.progress",
            "data": json!({
                "job_id": EXAMPLE_ID, "processed": 5.5, "duration": 11.0, "speed": 9.4, "time_left": 0.6
            }).to_string(),
        })),
        "application/x-subrip" => Some(json!("1\n00:00:00,320 --> 00:00:02,160\nAnd so my fellow Americans,\n\n")),
        "text/vtt" => Some(json!("WEBVTT\n\n00:00:00.320 --> 00:00:02.160\nAnd so my fellow Americans,\n\n")),
        "application/zip" => Some(json!("(the bytes of a zip file)")),
        "application/octet-stream" => Some(json!("(the recording's bytes)")),
        "text/plain" => Some(json!("And so my fellow Americans,\n")),
        _ => None,
    }
}

/// What the framework does with bodies and does not say: fields that these do not know are refused.
fn close(schemas: &mut Value) {
    for name in CLOSED {
        schemas[name]["additionalProperties"] = json!(false);
    }
    // A null takes a key away.
    schemas["JobPatch"]["properties"]["metadata"]["additionalProperties"] = json!({ "type": ["string", "null"] });
}

/// A job as far as a list tells of it.
fn listed_job(job: &Value) -> Value {
    let mut listed = job.clone();
    listed["title"] = json!(LISTED_JOB);
    listed["description"] = json!("A job in a list. `fields` leaves out all but what it names.");
    listed["required"] = json!(["id"]);
    listed
}

/// What export writes, which streams through as it is.
fn transcript_schema() -> Value {
    let maybe = |kind: &str, description: &str| json!({ "type": [kind, "null"], "description": description });
    let segment = json!({
        "type": "object",
        "required": ["id", "start", "end", "text"],
        "properties": {
            "id": { "type": "integer", "description": "Counts from 0." },
            "start": { "type": "number", "description": "Seconds." },
            "end": { "type": "number", "description": "Seconds." },
            "text": { "type": "string" },
            "language": maybe("string", "The language of this segment."),
            "channel": maybe("integer", "The recording's channel, counted from 1; null when its channels were mixed."),
            "speaker": maybe("string", "Who speaks, where somebody has said so."),
            "avg_logprob": maybe("number", "Mean natural-log probability of the text; 0 is certain."),
            "no_speech_prob": maybe("number", "The probability, 0 to 1, that nobody speaks here."),
            "words": {
                "type": "array",
                "items": { "$ref": "#/components/schemas/Word" },
                "description": "Left out unless word timestamps were asked for.",
            },
        },
    });
    json!({
        "type": "object",
        "description": "A job's text with everything known of it.",
        "required": ["job_id", "file_name", "task", "model", "version", "segments", "text"],
        "properties": {
            "job_id": { "type": "string", "format": "uuid" },
            "file_name": { "type": "string" },
            "language": maybe("string", "The language spoken; null when nobody speaks."),
            "task": { "type": "string", "description": "`transcribe` or `translate`." },
            "model": { "type": "string" },
            "duration": maybe("number", "The recording's length in seconds, once known."),
            "version": { "type": "integer", "description": "Grows at each edit." },
            "segments": { "type": "array", "items": segment },
            "text": { "type": "string", "description": "All segments' texts as one." },
        },
        "example": transcript(),
    })
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
        "403" => (
            "Forbidden",
            "scope_missing",
            "This needs an API key with the scope `manage`; this one has `read transcribe`. Use another, or make one \
             with `POST /v1/api-keys`.",
        ),
        "404" => ("Not Found", "job_not_found", "There is no job 019a9a3e-7c1b-7d52-8f64-0a5b1c2d3e4f."),
        "409" => ("Conflict", "job_over", "The job is completed already, so there is nothing to cancel."),
        "410" => ("Gone", "upload_gone", "Nothing came for the upload for more than a day, so it is gone."),
        "412" => ("Precondition Failed", "tus_version_unsupported", "This server speaks tus 1.0.0."),
        "413" => ("Payload Too Large", "upload_too_large", "The recording is larger than this server takes."),
        "415" => ("Unsupported Media Type", "unsupported_media_type", "The body's content type is not taken here."),
        "416" => ("Range Not Satisfiable", "range_invalid", "The recording has 176128 bytes, and none of them there."),
        "428" => ("Precondition Required", "version_required", "Say which version of the transcript this is for."),
        "422" => ("Unprocessable Entity", "option_invalid", "The option `lane` is wrong: use interactive or batch."),
        "429" => (
            "Too Many Requests",
            "too_many_requests",
            "This key may send 600 requests a minute, and has. Try again in 1 s.",
        ),
        "423" => ("Locked", "upload_locked", "Another request is writing to this upload."),
        "460" => ("Error", "checksum_mismatch", "The bytes do not have the checksum that was sent with them."),
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
