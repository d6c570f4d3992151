//! The paths of OpenAI's audio interface, for programs written for it: they need no change but the address and the key.
//! Each request is a job like any other. What is special is said here and nowhere else: the form, the shapes of the
//! answers, the errors, and that the answer waits for the job.

mod answer;
mod error;
mod examples;
mod form;
mod measures;
mod models;
mod stream;
mod transcriptions;
mod views;

use std::sync::Arc;

use poem::{Body, Endpoint, IntoResponse, Request, Response, http::HeaderValue};
use poem_openapi::{payload::Payload, types::ToJSON};
use serde_json::Value;
use tracing::Instrument;
use uuid::Uuid;

use self::error::ErrorView;
use super::problem::ProblemJson;

pub(super) use self::{examples::add_examples, models::ModelsApi, transcriptions::TranscriptionsApi};

/// By this a person's question leads to the log's lines.
const REQUEST_ID: &str = "x-request-id";

/// Whether a path is OpenAI's to shape, there or not.
pub(super) fn is_ours(path: &str) -> bool {
    ["/v1/audio", "/v1/models"]
        .into_iter()
        .any(|root| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// Whether a request may wait for a job, and so as long as it takes.
pub(super) fn waits(path: &str) -> bool {
    path.starts_with("/v1/audio/")
}

/// Gives every answer of these paths a request's id, and says what the rest of the gateway refused in their words: a
/// missing key, an unknown path, a form that cannot be read.
pub(super) async fn in_its_words<E: Endpoint>(endpoint: Arc<E>, request: Request) -> poem::Result<Response> {
    if !is_ours(request.uri().path()) {
        return endpoint.call(request).await.map(IntoResponse::into_response);
    }
    let id = format!("req_{}", Uuid::now_v7().simple());
    let span = tracing::info_span!("openai.request", request_id = id);
    let mut response = endpoint.call(request).instrument(span).await?.into_response();
    if response.content_type() == Some(ProblemJson::CONTENT_TYPE) {
        response = translated(response).await;
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    Ok(response)
}

/// A problem as an error of these paths. Its headers stay.
async fn translated(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let problem: Value = body.into_json().await.unwrap_or_default();
    let error = ErrorView::of_problem(parts.status, &problem);
    let response = Response::from_parts(parts, Body::from_string(error.to_json_string()));
    response.set_content_type("application/json; charset=utf-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paths_end_where_others_begin() {
        for path in ["/v1/audio/transcriptions", "/v1/audio/nothing", "/v1/models", "/v1/models/base", "/v1/audio"] {
            assert!(is_ours(path), "{path}");
        }
        for path in ["/v1/jobs", "/v1/modelship", "/v1/audiobooks/1", "/", "/v2/models"] {
            assert!(!is_ours(path), "{path}");
        }
    }
}
