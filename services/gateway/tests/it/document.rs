//! The `OpenAPI` document, from which clients are generated.

use std::collections::BTreeSet;

use escriba_test_support::repo_root;
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
            let is_openai = operation["tags"] == serde_json::json!(["OpenAI"]);
            for (status, response) in responses {
                assert!(response["description"].is_string(), "{name} {status}");
                if status.starts_with(['4', '5']) && is_openai {
                    let error = &response["content"]["application/json; charset=utf-8"]["schema"]["$ref"];
                    assert_eq!(error, "#/components/schemas/OpenAiError", "{name} {status}");
                } else if status.starts_with(['4', '5']) {
                    let problem = &response["content"]["application/problem+json"];
                    assert_eq!(problem["example"]["status"].to_string(), *status, "{name}");
                    assert!(problem["schema"].is_object(), "{name} {status}");
                }
            }
            assert!(has_own_example(&document, operation), "{name} shows no example of success");
        }
        let expected = [
            "appendToUpload",
            "cancelJob",
            "createApiKey",
            "createJob",
            "createTranscription",
            "createTranslation",
            "createUpload",
            "deleteJob",
            "deleteJobs",
            "deleteUpload",
            "editSegments",
            "exportJobs",
            "followJob",
            "followWorkspace",
            "getApiKey",
            "getCapabilities",
            "getJob",
            "getMedia",
            "getQueue",
            "getTranscript",
            "getUpload",
            "getUploadOptions",
            "getWaveform",
            "listApiKeys",
            "listJobs",
            "listModels",
            "listSegments",
            "listVersions",
            "redoSpan",
            "retrieveModel",
            "retryJob",
            "retryJobs",
            "revertTranscript",
            "revokeApiKey",
            "updateApiKey",
            "updateJob",
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

/// The page for people is made from what the framework knows; what is added to that must be on it too.
#[tokio::test]
async fn the_page_shows_the_finished_document() {
    on_each_engine(async |gateway| {
        let page = gateway.anonymous(Method::GET, "/docs").send().await.unwrap().text().await.unwrap();
        let document = document(gateway).await;
        assert!(page.contains(&document.to_string()), "{} bytes without it", page.len());
        let schemes = document["components"]["securitySchemes"].as_object().unwrap();
        assert_eq!(schemes.keys().collect::<Vec<_>>(), ["api_key"]);
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

/// Clients are made from the file, and programs ask the server.
#[tokio::test]
async fn the_file_in_docs_is_what_is_served() {
    on_each_engine(async |gateway| {
        let served = document(gateway).await;
        let file = repo_root().join("docs/openapi.json");
        if std::env::var_os("UPDATE_OPENAPI").is_some() {
            std::fs::write(&file, format!("{}\n", serde_json::to_string_pretty(&served).unwrap())).unwrap();
        }
        let kept: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert!(kept == served, "docs/openapi.json is not what is served; run `make openapi`");
    })
    .await;
}
