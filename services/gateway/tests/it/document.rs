//! The `OpenAPI` document, from which clients are generated.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use crate::stack::{Gateway, on_each_engine};

async fn document(gateway: &Gateway) -> Value {
    let response = gateway.anonymous(Method::GET, "/openapi.json").send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let mut found = Vec::new();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().unwrap() {
            found.push((format!("{method} {path}"), operation));
        }
    }
    found
}

/// Every value under a key, wherever it stands.
fn all<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get(key));
            members.values().for_each(|member| all(member, key, found));
        }
        Value::Array(items) => items.iter().for_each(|item| all(item, key, found)),
        _ => {}
    }
}

fn resolve<'a>(document: &'a Value, reference: &str) -> Option<&'a Value> {
    document.pointer(reference.strip_prefix('#')?)
}

#[tokio::test]
async fn every_operation_is_described_exemplified_and_says_how_it_fails() {
    on_each_engine(async |gateway| {
        let document = document(gateway).await;
        let operations = operations(&document);
        let mut ids = BTreeSet::new();
        for (name, operation) in &operations {
            for text in ["summary", "description", "operationId"] {
                assert!(operation[text].as_str().is_some_and(|text| !text.is_empty()), "{name} has no {text}");
            }
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{name} shares its operationId");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(parameter["description"].is_string(), "{name}: {parameter}");
            }
            assert!(operation["security"].is_array(), "{name} needs a key");

            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{name}");
            for expected in ["400", "401", "500", "503"] {
                assert!(responses.contains_key(expected), "{name} does not say {expected}");
            }
            for (status, response) in responses {
                assert!(response["description"].is_string(), "{name} {status}");
                if status.starts_with(['4', '5']) {
                    let problem = &response["content"]["application/problem+json"];
                    assert_eq!(problem["example"]["status"].to_string(), *status, "{name}");
                    assert!(problem["schema"].is_object(), "{name} {status}");
                }
            }
            assert!(has_own_example(&document, operation), "{name} shows no example of success");
        }
        let expected = [
            "cancelJob",
            "createJob",
            "deleteJob",
            "editSegments",
            "followJob",
            "getJob",
            "getMedia",
            "getQueue",
            "getTranscript",
            "getWaveform",
            "listJobs",
            "listSegments",
            "listVersions",
            "retryJob",
            "revertTranscript",
        ];
        assert_eq!(ids.into_iter().collect::<Vec<_>>(), expected);
    })
    .await;
}

/// In its parameters, its request or a successful answer, there or in the schema it names.
fn has_own_example(document: &Value, operation: &Value) -> bool {
    let mut places = vec![&operation["parameters"], &operation["requestBody"]];
    let responses = operation["responses"].as_object().unwrap();
    places.extend(responses.iter().filter(|(status, _)| status.starts_with('2')).map(|(_, response)| response));
    places.into_iter().any(|place| {
        let mut found = Vec::new();
        all(place, "example", &mut found);
        let mut references = Vec::new();
        all(place, "$ref", &mut references);
        let schemas = references.iter().filter_map(|reference| resolve(document, reference.as_str()?));
        !found.is_empty() || schemas.into_iter().any(|schema| schema.get("example").is_some())
    })
}

#[tokio::test]
async fn every_reference_leads_somewhere_and_every_example_has_what_its_schema_requires() {
    on_each_engine(async |gateway| {
        let document = document(gateway).await;
        let mut references = Vec::new();
        all(&document, "$ref", &mut references);
        assert!(!references.is_empty());
        for reference in references {
            let reference = reference.as_str().unwrap();
            assert!(resolve(&document, reference).is_some(), "{reference} leads nowhere");
        }
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            let Some(example) = schema.get("example") else { continue };
            for required in schema["required"].as_array().into_iter().flatten() {
                assert!(!example[required.as_str().unwrap()].is_null(), "{name}: no {required} in its example");
            }
        }
    })
    .await;
}

/// What a client generated from the document would read as missing must be allowed to be.
#[tokio::test]
async fn a_job_is_shown_as_the_document_says() {
    on_each_engine(async |gateway| {
        let document = document(gateway).await;
        let item = gateway.submit().await;
        let job = gateway.job(item.job_id).await;
        let schema = &document["components"]["schemas"]["Job"];
        for required in schema["required"].as_array().unwrap() {
            assert!(!job[required.as_str().unwrap()].is_null(), "{required} is required, but null");
        }
        let properties = schema["properties"].as_object().unwrap();
        for name in job.as_object().unwrap().keys() {
            assert!(properties.contains_key(name), "{name} is not in the document");
        }
    })
    .await;
}
