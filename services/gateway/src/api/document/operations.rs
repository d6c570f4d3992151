//! What of operations the framework has no words for: scopes, headers that come with every answer, and bodies.

use serde_json::{Map, Value, json};

use super::KEY_SCHEME;

pub(super) fn amend(operation: &mut Value) {
    name_scope(operation);
    name_rate_headers(operation);
    demand_headers(operation);
    match operation["operationId"].as_str() {
        Some("createJob") => {
            let form = &mut operation["requestBody"]["content"]["multipart/form-data"];
            form["schema"]["additionalProperties"] = json!(false);
        }
        Some("appendToUpload") => operation["requestBody"]["required"] = json!(true),
        Some("getTranscript") => {
            let json = &mut operation["responses"]["200"]["content"]["application/json"];
            json["schema"] = json!({ "$ref": "#/components/schemas/Transcript" });
        }
        Some("getMedia") => name_media(&mut operation["responses"]),
        _ => {}
    }
}

/// An operation takes these as optional, to refuse their absence in its own words.
fn demand_headers(operation: &mut Value) {
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some("Tus-Resumable" | "Upload-Offset" | "Upload-Length" | "If-Match") = parameter["name"].as_str() {
            parameter["required"] = json!(true);
        }
    }
}

/// A recording is sent as what it is.
fn name_media(responses: &mut Value) {
    for status in ["200", "206"] {
        let content = &mut responses[status]["content"];
        let bytes = content["application/octet-stream"].clone();
        for kind in ["audio/*", "video/*"] {
            content[kind] = bytes.clone();
        }
    }
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

pub(super) fn rate_headers() -> Value {
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
