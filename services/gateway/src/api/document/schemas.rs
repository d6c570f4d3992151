//! Schemas that the framework cannot derive, and what it does with bodies and does not say.

use serde_json::{Value, json};

use super::examples;

/// The schema of a job in a list.
pub(in crate::api) const LISTED_JOB: &str = "ListedJob";

/// Fields that these do not know are refused.
const CLOSED: [&str; 8] =
    ["ApiKeyChange", "BulkExport", "BulkSelection", "ImportJob", "JobFilter", "JobPatch", "NewApiKey", "RedoSpan"];

/// Puts right what is in the finished document.
pub(super) fn amend(schemas: &mut Value) {
    for name in CLOSED {
        schemas[name]["additionalProperties"] = json!(false);
    }
    // A null takes a key away.
    schemas["JobPatch"]["properties"]["metadata"]["additionalProperties"] = json!({ "type": ["string", "null"] });
    schemas[LISTED_JOB] = listed_job(&schemas["Job"]);
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
pub(super) fn transcript() -> Value {
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
        "example": examples::transcript(),
    })
}
