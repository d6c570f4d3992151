//! From `OpenAPI` 3.0, which the framework writes, to 3.1. Only there can a reference be null, and answers of this
//! interface say null where there is nothing; and only there does a description stand beside a reference.

use serde_json::{Map, Value, json};

/// What says something about a schema and does not narrow it.
const ASIDE: [&str; 5] = ["description", "default", "deprecated", "readOnly", "writeOnly"];

/// Rewrites the whole document.
pub(super) fn modernise(document: &mut Value) {
    document["openapi"] = json!("3.1.0");
    let schemas = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut);
    for schema in schemas.into_iter().flat_map(Map::values_mut) {
        rewrite(schema);
    }
    document.get_mut("paths").into_iter().for_each(rewrite_below);
    document.get_mut("paths").into_iter().for_each(name_event_fields);
}

/// A stream of events is read event by event: each has JSON as its data, and mostly a name and an id.
fn name_event_fields(place: &mut Value) {
    match place {
        Value::Object(members) => {
            for (name, member) in members {
                if name == "text/event-stream" && member["schema"]["type"] == "array" {
                    member["schema"] = event(&member["schema"]["items"]);
                } else {
                    name_event_fields(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(name_event_fields),
        _ => {}
    }
}

fn event(data: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["data"],
        "properties": {
            "id": { "type": "string", "description": "Where it is kept, to resume from." },
            "event": { "type": "string" },
            "data": { "type": "string", "contentMediaType": "application/json", "contentSchema": data },
        },
    })
}

/// Bodies may hold schemas without a name.
fn rewrite_below(place: &mut Value) {
    match place {
        Value::Object(members) => {
            // The parts of a form are there or not; null is no part.
            for (name, member) in members.iter_mut().filter(|(name, _)| !name.starts_with("multipart/")) {
                if name == "schema" { rewrite(member) } else { rewrite_below(member) }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(rewrite_below),
        _ => {}
    }
}

fn rewrite(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else { return };
    let required = schema.get("required").cloned().unwrap_or_default();
    let required: Vec<_> = required.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, property) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        rewrite(property);
        if !required.contains(&name.as_str()) {
            allow_null(property);
        }
    }
    for part in ["items", "additionalProperties"] {
        schema.get_mut(part).into_iter().for_each(rewrite);
    }
    for parts in ["allOf", "anyOf", "oneOf"] {
        schema.get_mut(parts).and_then(Value::as_array_mut).into_iter().flatten().for_each(rewrite);
    }
    describe_reference(schema);
    exclude_bounds(schema);
    bound(schema);
}

/// `{"allOf": [{"$ref": …}, {"description": …}]}` is how 3.0 describes a reference.
fn describe_reference(schema: &mut Map<String, Value>) {
    let Some([named, words]) = schema.get("allOf").and_then(Value::as_array).map(Vec::as_slice) else { return };
    let is_description = |words: &Map<String, Value>| words.keys().all(|key| ASIDE.contains(&key.as_str()));
    if let Some(reference) = named.get("$ref").cloned()
        && words.as_object().is_some_and(is_description)
    {
        schema.remove("allOf");
        schema.insert("$ref".to_owned(), reference);
    }
}

/// Where there is nothing, there is null.
fn allow_null(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else { return };
    if let Some(kind) = members.get_mut("type") {
        if kind.is_string() {
            *kind = json!([kind, "null"]);
        }
        if let Some(values) = members.get_mut("enum").and_then(Value::as_array_mut) {
            values.push(Value::Null);
        }
        return;
    }
    let mut either = Map::new();
    for name in ASIDE {
        either.extend(members.remove(name).map(|words| (name.to_owned(), words)));
    }
    either.insert("anyOf".to_owned(), json!([members, { "type": "null" }]));
    *members = either;
}

/// The framework has a name for each size of an integer, and others need its limits.
fn bound(schema: &mut Map<String, Value>) {
    let most: u64 = match schema.get("format").and_then(Value::as_str) {
        Some("uint16") => u16::MAX.into(),
        Some("uint32") => u32::MAX.into(),
        Some("uint64") => u64::MAX,
        _ => return,
    };
    schema.entry("minimum").or_insert(json!(0));
    schema.entry("maximum").or_insert(json!(most));
}

/// A bound that excludes itself is a number of its own.
fn exclude_bounds(schema: &mut Map<String, Value>) {
    for (bound, exclusive) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")] {
        match schema.get(exclusive) {
            Some(Value::Bool(true)) => {
                let value = schema.remove(bound).unwrap_or_default();
                schema.insert(exclusive.to_owned(), value);
            }
            Some(Value::Bool(false)) => drop(schema.remove(exclusive)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_required_may_be_null() {
        let mut document = json!({
            "openapi": "3.0.0",
            "components": { "schemas": { "Job": {
                "type": "object",
                "required": ["id"],
                "properties": {
                    "id": { "type": "string" },
                    "duration": { "type": "number", "description": "Seconds." },
                    "lane": { "type": "string", "enum": ["batch"] },
                    "error": { "allOf": [{ "$ref": "#/e" }, { "description": "Why." }], "description": "Why." },
                    "queue": { "$ref": "#/q" },
                },
            } } },
            "paths": { "/": { "get": { "responses": { "200": { "content": { "application/json": {
                "schema": { "type": "object", "properties": { "free": { "type": "integer" } } },
                "example": { "schema": 1 },
            } } } } } } },
        });
        modernise(&mut document);
        let job = &document["components"]["schemas"]["Job"]["properties"];
        assert_eq!(document["openapi"], "3.1.0");
        assert_eq!(job["id"], json!({ "type": "string" }));
        assert_eq!(job["duration"], json!({ "type": ["number", "null"], "description": "Seconds." }));
        assert_eq!(job["lane"], json!({ "type": ["string", "null"], "enum": ["batch", null] }));
        let error = json!({ "anyOf": [{ "$ref": "#/e" }, { "type": "null" }], "description": "Why." });
        assert_eq!(job["error"], error);
        assert_eq!(job["queue"], json!({ "anyOf": [{ "$ref": "#/q" }, { "type": "null" }] }));
        let free = "/paths/~1/get/responses/200/content/application~1json/schema/properties/free/type";
        assert_eq!(document.pointer(free), Some(&json!(["integer", "null"])));
    }

    #[test]
    fn an_event_holds_json() {
        let stream = json!({ "text/event-stream": { "schema": { "type": "array", "items": { "$ref": "#/e" } } } });
        let mut document = json!({ "paths": { "/": { "get": { "responses": { "200": { "content": stream } } } } } });
        modernise(&mut document);
        let data = "/paths/~1/get/responses/200/content/text~1event-stream/schema/properties/data/contentSchema/$ref";
        assert_eq!(document.pointer(data), Some(&json!("#/e")));
    }

    #[test]
    fn a_bound_that_excludes_itself_is_a_number() {
        let mut schema = json!({ "type": "number", "minimum": 0, "exclusiveMinimum": true, "exclusiveMaximum": false });
        rewrite(&mut schema);
        assert_eq!(schema, json!({ "type": "number", "exclusiveMinimum": 0 }));
    }
}
