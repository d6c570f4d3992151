//! Objects of several kinds, told apart by a field. The framework describes each as two schemas, one of which has
//! nothing but that field; programs generated from the document are easier to read when it is one.

use serde_json::{Map, Value, json};

const SCHEMAS: &str = "#/components/schemas/";

/// Makes one schema of the two, everywhere.
pub(super) fn unite(document: &mut Value) {
    let schemas = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut);
    let Some(schemas) = schemas else { return };
    let choices: Vec<String> = schemas
        .iter()
        .filter(|(_, schema)| schema.get("discriminator").is_some())
        .map(|(name, _)| name.clone())
        .collect();
    for choice in choices {
        let mut choice_schema = schemas.get(&choice).cloned().unwrap_or_default();
        for kind in choice_schema["oneOf"].as_array_mut().into_iter().flatten() {
            unite_kind(schemas, kind);
        }
        if let Some(mapping) = choice_schema.pointer_mut("/discriminator/mapping").and_then(Value::as_object_mut) {
            for reference in mapping.values_mut() {
                let name = reference.as_str().and_then(|name| name.rsplit('_').next()).unwrap_or_default();
                *reference = json!(format!("{SCHEMAS}{name}"));
            }
        }
        schemas.insert(choice, choice_schema);
    }
}

/// `{"allOf": [{"properties": {the field}}, {"$ref": the rest}]}` becomes the rest, with the field.
fn unite_kind(schemas: &mut Map<String, Value>, kind: &mut Value) {
    let named = |reference: &Value| reference.as_str().and_then(|name| name.strip_prefix(SCHEMAS)).map(str::to_owned);
    let Some(wrapper) = named(&kind["$ref"]) else { return };
    let Some([field, rest]) = schemas.get(&wrapper).and_then(|schema| schema["allOf"].as_array()).map(Vec::as_slice)
    else {
        return;
    };
    let (field, Some(name)) = (field.clone(), named(&rest["$ref"])) else { return };
    let Some(whole) = schemas.get_mut(&name) else { return };
    for (property, schema) in field["properties"].as_object().into_iter().flatten() {
        whole["properties"][property] = schema.clone();
    }
    let mut required = field["required"].as_array().cloned().unwrap_or_default();
    required.extend(whole["required"].as_array().cloned().unwrap_or_default());
    whole["required"] = Value::Array(required);
    schemas.remove(&wrapper);
    kind["$ref"] = json!(format!("{SCHEMAS}{name}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_one_schema_with_its_field() {
        let field = json!({ "properties": { "op": { "enum": ["set"] } }, "required": ["op"] });
        let mut document = json!({ "components": { "schemas": {
            "Choice": {
                "oneOf": [{ "$ref": "#/components/schemas/Choice_Set" }],
                "discriminator": { "propertyName": "op", "mapping": { "set": "#/components/schemas/Choice_Set" } },
            },
            "Choice_Set": { "allOf": [field, { "$ref": "#/components/schemas/Set" }] },
            "Set": { "properties": { "id": { "type": "string" } }, "required": ["id"] },
        } } });
        unite(&mut document);
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["Choice"]["oneOf"], json!([{ "$ref": "#/components/schemas/Set" }]));
        assert_eq!(schemas["Choice"]["discriminator"]["mapping"]["set"], "#/components/schemas/Set");
        assert!(schemas.get("Choice_Set").is_none());
        let set = json!({
            "properties": { "id": { "type": "string" }, "op": { "enum": ["set"] } },
            "required": ["op", "id"],
        });
        assert_eq!(schemas["Set"], set);
    }
}
