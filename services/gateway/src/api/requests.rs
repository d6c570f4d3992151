//! What is noted of each request: a span in the caller's trace, a line in the log, and the figures.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use escriba_domain::ErrorKind;
use escriba_runtime::trace_context;
use poem::{Endpoint, IntoResponse, Request, Response, error::ReadBodyError, http::Method};
use poem_openapi::OperationId;
use serde::de::IgnoredAny;
use tokio::time::timeout;
use tracing::Instrument;

use super::{
    openai,
    problem::{failure, unreadable},
};

/// The longest that a request takes that neither brings a recording nor follows a job.
const PATIENCE: Duration = Duration::from_secs(30);

/// JSON is read into memory whole. Recordings never come as JSON.
const MAX_JSON_BYTES: usize = 4 << 20;

#[derive(Debug, thiserror::Error)]
#[error("a request was not answered in time")]
struct TooLong;

#[derive(Debug, thiserror::Error)]
#[error("The body is larger than the {} MiB of JSON that are taken.", MAX_JSON_BYTES >> 20)]
struct TooLarge;

/// A body of JSON is bounded, and is JSON, before anything reads what it says.
pub(super) async fn with_little_json<E: Endpoint>(endpoint: Arc<E>, mut request: Request) -> poem::Result<Response> {
    if request.content_type().is_some_and(|kind| kind.contains("json")) {
        match request.take_body().into_bytes_limit(MAX_JSON_BYTES).await {
            Ok(bytes) => {
                if let Err(error) = serde_json::from_slice::<IgnoredAny>(&bytes) {
                    return Ok(unreadable(&format!("The body is not JSON: {error}.")).into_response());
                }
                request.set_body(bytes);
            }
            Err(ReadBodyError::PayloadTooLarge) => {
                return Ok(failure(ErrorKind::TooLarge, "body_too_large", &TooLarge).into_response());
            }
            Err(error) => return Ok(unreadable(&format!("The body cannot be read: {error}.")).into_response()),
        }
    }
    endpoint.call(request).await.map(IntoResponse::into_response)
}

/// Something that hangs is something that is away: whoever asked hears of it, instead of waiting with it.
pub(super) async fn in_time<E: Endpoint>(endpoint: Arc<E>, request: Request) -> poem::Result<Response> {
    let path = request.uri().path();
    let brings_a_recording = match *request.method() {
        Method::POST => matches!(path.trim_end_matches('/'), "/v1/jobs" | "/v1/uploads"),
        Method::PATCH => path.starts_with("/v1/uploads/"),
        _ => false,
    };
    let takes_its_time = brings_a_recording
        || path.starts_with("/v1/jobs/bulk/")
        || openai::waits(path)
        || ["/events", "/transcript", "/media"].iter().any(|end| path.ends_with(end));
    if takes_its_time {
        return endpoint.call(request).await.map(IntoResponse::into_response);
    }
    match timeout(PATIENCE, endpoint.call(request)).await {
        Ok(answered) => answered.map(IntoResponse::into_response),
        Err(_) => Ok(failure(ErrorKind::Unavailable, "unavailable", &TooLong).into_response()),
    }
}

pub(super) async fn observe<E: Endpoint>(endpoint: Arc<E>, request: Request) -> poem::Result<Response> {
    let span = tracing::info_span!(
        "http.request",
        method = %request.method(),
        path = request.uri().path(),
        status = tracing::field::Empty
    );
    trace_context::adopt_http(&span, request.headers());
    let started = Instant::now();
    async {
        let response = match endpoint.call(request).await {
            Ok(response) => response.into_response(),
            Err(error) => error.into_response(),
        };
        let status = response.status().as_u16();
        let operation = response.data::<OperationId>().map_or("none", |operation| operation.0);
        tracing::Span::current().record("status", status);
        tracing::debug!(status, operation, "answered");
        metrics::counter!(
            "escriba_http_requests_total",
            "operation" => operation.to_owned(),
            "status" => status.to_string()
        )
        .increment(1);
        metrics::histogram!("escriba_http_request_seconds", "operation" => operation.to_owned())
            .record(started.elapsed().as_secs_f64());
        Ok(response)
    }
    .instrument(span)
    .await
}
