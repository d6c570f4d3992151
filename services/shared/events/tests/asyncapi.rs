//! Holds `docs/asyncapi.yaml` against the code: every event and nothing else has its channel, its message and its
//! headers there, and the schemas are those of the contract, field by field. Whether the document keeps to the
//! specification is checked by `dev/check_asyncapi.py`.

use std::collections::{BTreeMap, BTreeSet};

use escriba_domain::{JobId, WorkspaceId};
use escriba_events::{Headers, JobEvent, event_message, progress_subject, v1};
use prost::Message as _;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};
use serde_json::{Value, json};

const DOCUMENT: &str = include_str!("../../../../docs/asyncapi.yaml");
const PROGRESS: &str = "JobProgress";
const HEADERS: &str = "EventHeaders";
/// Of the headers, the one that the relay adds.
const MESSAGE_ID: &str = "Nats-Msg-Id";
/// Those of an event that belongs to a trace.
const TRACE: [&str; 2] = ["traceparent", "tracestate"];

fn document() -> Value {
    serde_yaml::from_str(DOCUMENT).unwrap()
}

fn workspace() -> WorkspaceId {
    "019a9a3e-7c1b-7d52-8f64-0a5b1c2d3e4f".parse().unwrap()
}

fn job() -> JobId {
    "019a9a3e-7c1b-7d52-8f64-0a5b1c2d3e50".parse().unwrap()
}

/// One event of each kind. Every payload begins with the same two fields, so one kind's reads as any other's.
fn events() -> Vec<JobEvent> {
    let payload = v1::JobCanceled { workspace_id: workspace().to_string(), job_id: job().to_string() }.encode_to_vec();
    let event = |name: &&str| JobEvent::decode(&format!("escriba.job.{name}.v1"), &payload).unwrap();
    JobEvent::NAMES.iter().map(event).collect()
}

/// `segments_added` is told by `JobSegmentsAdded`.
fn payload_name(event: &JobEvent) -> String {
    let capitalised = |word: &str| word[..1].to_uppercase() + &word[1..];
    event.name().split('_').fold("Job".to_owned(), |name, word| name + &capitalised(word))
}

fn payload_names() -> Vec<String> {
    events().iter().map(payload_name).chain([PROGRESS.to_owned()]).collect()
}

fn names<'a>(object: &'a Value, what: &str) -> BTreeSet<&'a str> {
    object.as_object().unwrap_or_else(|| panic!("there are no {what}")).keys().map(String::as_str).collect()
}

#[test]
fn every_subject_has_its_channel_and_every_channel_its_message() {
    let document = document();
    let whole = |address: &Value| {
        let address = address.as_str().unwrap().replace("{workspace}", &workspace().to_string());
        address.replace("{job}", &job().to_string())
    };
    let carried = |channel: &Value| channel["messages"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let channels = document["channels"].as_object().unwrap().values();
    let found: BTreeMap<_, _> = channels.map(|channel| (whole(&channel["address"]), carried(channel))).collect();

    let mut expected: BTreeMap<_, _> =
        events().iter().map(|event| (event.subject(), vec![payload_name(event)])).collect();
    expected.insert(progress_subject(workspace(), job()), vec![PROGRESS.to_owned()]);
    assert_eq!(found, expected);
}

#[test]
fn every_channel_is_sent_to() {
    let document = document();
    let operations = document["operations"].as_object().unwrap().values();
    let mut sent = BTreeSet::new();
    for operation in operations {
        assert_eq!(operation["action"], "send", "the document speaks for Escriba");
        sent.insert(operation["channel"]["$ref"].as_str().unwrap().trim_start_matches("#/channels/"));
    }
    assert_eq!(sent, names(&document["channels"], "channels"));
}

#[test]
fn every_message_has_its_type_and_payload() {
    let document = document();
    let messages = &document["components"]["messages"];
    let expected = payload_names();
    assert_eq!(names(messages, "messages"), expected.iter().map(String::as_str).collect());
    for name in &expected {
        let message = &messages[name];
        assert_eq!(message["payload"], json!({ "$ref": format!("#/components/schemas/{name}") }), "{name}");
        assert_eq!(message["contentType"], escriba_events::CONTENT_TYPE, "{name}");
        assert!(message["summary"].is_string(), "{name} is not described");
    }
    for event in events() {
        let message = &messages[payload_name(&event)];
        assert_eq!(message["name"], event.ce_type());
        let of_this_type =
            json!({ "type": "object", "properties": { "ce-type": { "type": "string", "const": event.ce_type() } } });
        let every_event = json!({ "$ref": format!("#/components/schemas/{HEADERS}") });
        assert_eq!(message["headers"], json!({ "allOf": [every_event, of_this_type] }), "{}", event.name());
    }
}

#[test]
fn the_headers_are_those_that_are_sent() {
    let document = document();
    let headers = &document["components"]["schemas"][HEADERS];
    for event in events() {
        let sent = event_message(&event, chrono::DateTime::UNIX_EPOCH, &Headers::new()).headers;
        let required: BTreeSet<_> = sent.keys().map(String::as_str).chain([MESSAGE_ID]).collect();
        let listed = headers["required"].as_array().unwrap().iter();
        assert_eq!(listed.map(|name| name.as_str().unwrap()).collect::<BTreeSet<_>>(), required);
        assert_eq!(names(&headers["properties"], "headers"), required.into_iter().chain(TRACE).collect());
        for (name, header) in headers["properties"].as_object().unwrap() {
            let constant = header["const"].as_str();
            assert!(constant.is_none_or(|constant| sent[name] == constant), "{name}");
        }
    }
}

#[test]
fn the_schemas_are_the_contracts() {
    let mut found = document()["components"]["schemas"].as_object().unwrap().clone();
    found.remove(HEADERS).expect("headers have a schema");
    let expected = Contract::read().schemas(&payload_names());
    let listed: BTreeSet<_> = found.keys().collect();
    assert_eq!(listed, expected.keys().collect(), "which messages and enums there are");
    for (name, expected) in &expected {
        assert_eq!(
            &without_descriptions(&found[name]),
            expected,
            "{name}: found on the left, the contract's on the right"
        );
    }
}

/// A field that is called `description` is an object, a description a text.
fn without_descriptions(schema: &Value) -> Value {
    let Some(object) = schema.as_object() else { return schema.clone() };
    let kept = object.iter().filter(|(name, value)| *name != "description" || !value.is_string());
    kept.map(|(name, value)| (name.clone(), without_descriptions(value))).collect()
}

/// The messages and enums of the .proto files, by name.
struct Contract {
    messages: BTreeMap<String, DescriptorProto>,
    enums: BTreeMap<String, EnumDescriptorProto>,
}

impl Contract {
    fn read() -> Self {
        let files = FileDescriptorSet::decode(escriba_proto::DESCRIPTORS).unwrap().file;
        let mut contract = Self { messages: BTreeMap::new(), enums: BTreeMap::new() };
        for file in files {
            contract.messages.extend(file.message_type.into_iter().map(|message| (message.name().to_owned(), message)));
            contract.enums.extend(file.enum_type.into_iter().map(|closed| (closed.name().to_owned(), closed)));
        }
        contract
    }

    /// The schemas of these messages and of all that they are made of.
    fn schemas(&self, messages: &[String]) -> BTreeMap<String, Value> {
        let (mut schemas, mut wanted) = (BTreeMap::new(), messages.to_vec());
        while let Some(name) = wanted.pop() {
            let schema = match self.messages.get(&name) {
                Some(message) => {
                    wanted.extend(message.field.iter().filter_map(referred));
                    message_schema(message)
                }
                None => enum_schema(&self.enums[&name]),
            };
            schemas.insert(name, schema);
        }
        schemas
    }
}

/// The message or enum that a field holds.
fn referred(field: &FieldDescriptorProto) -> Option<String> {
    field.type_name.as_deref().map(|name| name.trim_start_matches(".escriba.v1.").to_owned())
}

fn message_schema(message: &DescriptorProto) -> Value {
    let properties: serde_json::Map<_, _> =
        message.field.iter().map(|field| (field.name().to_owned(), field_schema(field))).collect();
    json!({
        "type": "object",
        "x-protobuf-message": format!("escriba.v1.{}", message.name()),
        "properties": properties,
    })
}

fn field_schema(field: &FieldDescriptorProto) -> Value {
    let one = match field.r#type() {
        Type::String => json!({ "type": "string" }),
        Type::Uint32 => json!({ "type": "integer", "format": "uint32" }),
        Type::Uint64 => json!({ "type": "integer", "format": "uint64" }),
        Type::Float => json!({ "type": "number", "format": "float" }),
        Type::Double => json!({ "type": "number", "format": "double" }),
        Type::Message | Type::Enum => json!({ "$ref": format!("#/components/schemas/{}", referred(field).unwrap()) }),
        other => panic!("say here how a field of type {other:?} is written"),
    };
    let mut schema = match field.label() {
        Label::Repeated => json!({ "type": "array", "items": one }),
        // Nothing may stand beside a reference.
        _ if one["$ref"].is_string() => json!({ "allOf": [one] }),
        _ => one,
    };
    schema["x-protobuf-field"] = json!(field.number());
    schema
}

fn enum_schema(closed: &EnumDescriptorProto) -> Value {
    json!({
        "type": "string",
        "x-protobuf-enum": format!("escriba.v1.{}", closed.name()),
        "enum": closed.value.iter().map(EnumValueDescriptorProto::name).collect::<Vec<_>>(),
        "x-protobuf-numbers": closed.value.iter().map(EnumValueDescriptorProto::number).collect::<Vec<_>>(),
    })
}
