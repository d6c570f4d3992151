//! What is noted of each request: a span in the caller's trace, a line in the log, and the figures.

use std::{sync::Arc, time::Instant};

use escriba_runtime::trace_context;
use poem::{Endpoint, IntoResponse, Request, Response};
use poem_openapi::OperationId;
use tracing::Instrument;

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
