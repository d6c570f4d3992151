//! Examples of these operations that the framework has no words for.

use serde_json::{Value, json};

pub(in crate::api) fn add_examples(operation: &mut Value) {
    let form = match operation["operationId"].as_str() {
        Some("createTranscription") => json!({
            "model": "whisper-1",
            "response_format": "verbose_json",
            "timestamp_granularities[]": ["word", "segment"],
            "file": "(the recording's bytes)",
        }),
        Some("createTranslation") => {
            json!({ "model": "whisper-1", "response_format": "text", "file": "(the recording's bytes)" })
        }
        Some("retrieveModel") => {
            operation["parameters"][0]["example"] = json!("base");
            return;
        }
        _ => return,
    };
    operation["requestBody"]["content"]["multipart/form-data"]["example"] = form;
    // The framework refuses other bodies before the operation sees them.
    let mut no_form = operation["responses"]["413"].clone();
    no_form["description"] = json!("The body is not a multipart form.");
    operation["responses"]["415"] = no_form;
    let Some(answers) = operation["responses"]["200"]["content"].as_object_mut() else { return };
    if let Some(stream) = answers.get_mut("text/event-stream") {
        let delta = json!({ "type": "transcript.text.delta", "delta": "And so my fellow Americans," });
        stream["example"] = json!({ "data": delta.to_string() });
    }
    for (kind, answer) in answers {
        if kind.starts_with("application/json") {
            answer["example"] = json!({
                "text": "And so my fellow Americans,",
                "languages": [{ "code": "en" }],
                "usage": { "type": "duration", "seconds": 11.0 },
            });
        }
    }
}
