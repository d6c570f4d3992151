//! Examples that the framework has no words for.

use serde_json::{Value, json};

use super::super::openai;

const ID: &str = "019a9a3e-7c1b-7d52-8f64-0a5b1c2d3e4f";

pub(super) fn add(operation: &mut Value) {
    show_parameters(operation);
    show_body(operation);
    openai::add_examples(operation);
    if operation["operationId"] == "getTranscript" {
        operation["responses"]["200"]["content"]["application/json"]["example"] = transcript();
    }
    show_answers(operation);
}

fn show_parameters(operation: &mut Value) {
    // Indexing would write `null` where there is nothing.
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        parameter["example"] = match parameter["name"].as_str().unwrap_or_default() {
            "id" => json!(ID),
            "Tus-Resumable" => json!("1.0.0"),
            "Upload-Offset" => json!(0),
            "Upload-Length" => json!(176_128),
            "If-Match" => json!("\"1\""),
            "version" => json!(1),
            _ => continue,
        };
    }
}

fn show_body(operation: &mut Value) {
    if operation["operationId"] == "createJob" {
        operation["requestBody"]["content"]["multipart/form-data"]["example"] = json!({
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
    if let Some(bytes) = operation.pointer_mut("/requestBody/content/application~1offset+octet-stream") {
        bytes["example"] = json!("(bytes of the recording)");
    }
}

fn show_answers(operation: &mut Value) {
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
        "X-ESCRIBA-JOB" => Some(json!(ID)),
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
                "job_id": ID, "processed": 5.5, "duration": 11.0, "speed": 9.4, "time_left": 0.6
            }).to_string(),
        })),
        "application/x-subrip" => Some(json!("1\n00:00:00,320 --> 00:00:02,160\nAnd so my fellow Americans,\n\n")),
        "text/vtt" => Some(json!("WEBVTT\n\n00:00:00.320 --> 00:00:02.160\nAnd so my fellow Americans,\n\n")),
        "application/zip" => Some(json!("(the bytes of a zip file)")),
        "application/octet-stream" | "audio/*" | "video/*" => Some(json!("(the recording's bytes)")),
        "text/plain" => Some(json!("And so my fellow Americans,\n")),
        _ => None,
    }
}

pub(super) fn transcript() -> Value {
    json!({
        "job_id": ID,
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
