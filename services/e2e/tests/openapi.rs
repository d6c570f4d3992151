//! The `OpenAPI` document is one that programs can rely on and people can read: a validator of somebody else's accepts
//! it, and every operation says what it does, shows what it takes and gives, and names its errors.

use std::{collections::BTreeSet, env, path::PathBuf, process::Command};

use escriba_e2e::{Stack, Studio};
use escriba_test_support::repo_root;
use reqwest::{Method, StatusCode};
use serde_json::Value;

const OPERATIONS: [&str; 11] = [
    "cancelJob",
    "createJob",
    "createTranscription",
    "createTranslation",
    "deleteJob",
    "followJob",
    "getJob",
    "getTranscript",
    "listJobs",
    "listModels",
    "retrieveModel",
];
const PROBLEM: &str = "application/problem+json";

#[tokio::test]
async fn the_document_is_valid_and_complete() {
    let stack = Stack::start().await;
    let (status, document) = stack.client.get("/openapi.json").await;
    assert_eq!(status, StatusCode::OK);
    assert_valid(&document);

    let operations: Vec<_> = document["paths"].as_object().unwrap().values().flat_map(operations).collect();
    let ids: BTreeSet<_> = operations.iter().map(|operation| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), operations.len());
    assert!(OPERATIONS.iter().all(|expected| ids.contains(expected)), "{ids:?}");
    let faults: Vec<_> = operations.iter().flat_map(|operation| faults(&document, operation)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));

    let docs = stack.client.request(Method::GET, "/docs").send().await.unwrap();
    assert!(docs.status().is_success());
    assert_refuses_as_promised(&stack).await;
}

fn assert_valid(document: &Value) {
    let file = Studio::default();
    let path = file.write("openapi.json", document.to_string());
    let ours = || repo_root().join(".local/bin/openapi-spec-validator");
    let validator = env::var_os("OPENAPI_VALIDATOR").map_or_else(ours, PathBuf::from);
    let checked = Command::new(&validator).arg(&path).output();
    let checked = checked.unwrap_or_else(|error| panic!("{}: {error}; run `make setup-tests`", validator.display()));
    let said = String::from_utf8_lossy(&checked.stdout) + String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{said}");
}

fn operations(path: &Value) -> Vec<&Value> {
    let methods = path.as_object().unwrap().iter().filter(|(key, _)| *key != "parameters" && *key != "summary");
    methods.map(|(_, operation)| operation).collect()
}

/// What an operation's reader would miss.
fn faults(document: &Value, operation: &Value) -> Vec<String> {
    let id = operation["operationId"].as_str().unwrap();
    let mut faults = Vec::new();
    let mut expect = |met: bool, what: String| {
        if !met {
            faults.push(format!("{id}: {what}"));
        }
    };
    expect(says_something(&operation["summary"]), "no summary".to_owned());
    expect(says_something(&operation["description"]), "no description".to_owned());
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        expect(says_something(&parameter["description"]), format!("parameter {} is not described", parameter["name"]));
        let optional = parameter["required"] != true;
        expect(optional || is_shown(document, parameter), format!("parameter {} has no example", parameter["name"]));
    }
    for (kind, content) in contents(&operation["requestBody"]) {
        expect(is_shown(document, content), format!("no example of a {kind} request"));
    }
    let responses = operation["responses"].as_object().unwrap();
    for (status, response) in responses {
        expect(says_something(&response["description"]), format!("{status} is not described"));
        for (kind, content) in contents(response) {
            expect(is_shown(document, content), format!("no example of {status} as {kind}"));
            let is_openai = operation["tags"][0] == "OpenAI";
            let is_problem = kind.starts_with(PROBLEM);
            let problem_expected = status.starts_with(['4', '5']) && !is_openai;
            expect(is_problem == problem_expected, format!("{status} is {kind}"));
        }
    }
    for status in ["401", "500", "503"] {
        expect(responses.contains_key(status), format!("{status} is not mentioned"));
    }
    faults
}

fn says_something(text: &Value) -> bool {
    text.as_str().is_some_and(|text| !text.trim().is_empty())
}

fn contents(holder: &Value) -> impl Iterator<Item = (&String, &Value)> {
    holder["content"].as_object().into_iter().flatten()
}

/// An example of its own, or one of its schema's.
fn is_shown(document: &Value, holder: &Value) -> bool {
    let schema = &holder["schema"];
    let named = schema["$ref"].as_str().and_then(|name| document.pointer(name.trim_start_matches('#')));
    [Some(holder), Some(schema), named].into_iter().flatten().any(|place| {
        !place["example"].is_null() || place["examples"].as_object().is_some_and(|examples| !examples.is_empty())
    })
}

/// The errors that the document shows are those that come.
async fn assert_refuses_as_promised(stack: &Stack) {
    let nobody = reqwest::Client::new().get(format!("{}/v1/jobs", stack.client.base_url)).send().await.unwrap();
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
    assert!(nobody.headers().contains_key("www-authenticate"));
    let kind = nobody.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(kind.starts_with(PROBLEM), "{kind}");
    let problem: Value = serde_json::from_str(&nobody.text().await.unwrap()).unwrap();
    assert_eq!((&problem["status"], &problem["code"]), (&Value::from(401), &Value::from("api_key_missing")));

    let unknown = "/v1/jobs/019a9a3e-7c1b-7d52-8f64-0a5b1c2d3e4f";
    for (path, status, code) in [
        (unknown, StatusCode::NOT_FOUND, "job_not_found"),
        ("/v1/jobs/nonsense", StatusCode::BAD_REQUEST, "bad_request"),
        ("/v1/nothing", StatusCode::NOT_FOUND, "path_not_found"),
        ("/v1/jobs?cursor=nonsense", StatusCode::UNPROCESSABLE_ENTITY, "cursor_invalid"),
    ] {
        let (found, problem) = stack.client.get(path).await;
        assert_eq!((found, problem["code"].as_str()), (status, Some(code)), "{path}: {problem}");
        assert!(says_something(&problem["detail"]) && problem["status"] == status.as_u16(), "{problem}");
    }
}
