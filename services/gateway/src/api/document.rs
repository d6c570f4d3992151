//! The `OpenAPI` document: what the framework derives from the operations, and the examples it has no words for.

mod allow;
mod dialect;
mod examples;
mod operations;
mod schemas;
mod variants;

use std::sync::Arc;

use poem_openapi::{OpenApi, OpenApiService, Tags};
use serde_json::{Value, json};

pub(super) use allow::name_methods;
pub(super) use schemas::LISTED_JOB;

pub(super) const DESCRIPTION: &str = "\
Escriba turns recordings into text and subtitles. Submit a recording, follow its job, read the transcript.\n\n\
Every request needs an API key: `Authorization: Bearer esc_…`. Each operation names the scope that the key must have \
(`x-scope`); no scope includes another. Errors are RFC 9457 problems \
(`application/problem+json`) with a stable `code`, save on the paths of OpenAI's interface, whose programs expect its \
own. Positions in recordings are decimal seconds; times are RFC 3339, \
UTC.";

const KEY_SCHEME: &str = "api_key";

/// How the operations are grouped.
#[derive(Tags)]
pub(super) enum Group {
    /// Submit recordings, follow them, cancel them, run them again and delete them.
    Jobs,
    /// Send recordings over connections that break.
    Uploads,
    /// Read the text.
    Transcripts,
    /// See what waits and who works.
    Queue,
    /// Make, rename and revoke the workspace's API keys.
    #[oai(rename = "API keys")]
    ApiKeys,
    /// For programs written for OpenAI's interface. Errors are OpenAI's here.
    #[oai(rename = "OpenAI")]
    OpenAi,
}

/// The finished document, built once.
#[derive(Clone)]
pub(super) struct Document(pub(super) Arc<Value>);

pub(super) fn build<T: OpenApi>(service: &OpenApiService<T, ()>) -> Document {
    let mut document: Value = serde_json::from_str(&service.spec()).unwrap_or_default();
    document["components"]["securitySchemes"] = json!({ KEY_SCHEME: {
        "type": "http",
        "scheme": "bearer",
        "description": "A workspace's API key, sent as `Authorization: Bearer esc_…`. What it may be used for, its scopes say.",
    } });
    document["components"]["headers"] = operations::rate_headers();
    if let Some(paths) = document["paths"].as_object_mut() {
        let operations = paths.values_mut().filter_map(Value::as_object_mut).flat_map(|path| path.values_mut());
        for operation in operations {
            operations::amend(operation);
            examples::add(operation);
        }
    }
    document["components"]["schemas"]["Transcript"] = schemas::transcript();
    variants::unite(&mut document);
    dialect::modernise(&mut document);
    schemas::amend(&mut document["components"]["schemas"]);
    Document(Arc::new(document))
}

/// The page for people: the framework's own, showing the finished document.
pub(super) fn page<T: OpenApi>(service: &OpenApiService<T, ()>, document: &Document) -> String {
    service.swagger_ui_html().replacen(&service.spec(), &document.0.to_string(), 1)
}
