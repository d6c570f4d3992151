//! Carries a trace from one process to the next in W3C Trace Context form (`traceparent`, `tracestate`), whatever
//! the transport: gRPC, HTTP, or the headers of a message. Decides nothing about what is recorded or exported.

use std::collections::BTreeMap;

use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::TraceContextExt,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use poem::http::HeaderMap;
use tonic::metadata::{AsciiMetadataKey, KeyRef, MetadataMap};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// `traceparent` and, where there is one, `tracestate`.
pub type TraceHeaders = BTreeMap<String, String>;

/// The headers that make another process's work a child of the current span. Empty outside any span.
pub fn current() -> TraceHeaders {
    let mut headers = HeadersOut(TraceHeaders::new());
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut headers);
    headers.0.retain(|_, value| !value.is_empty());
    headers.0
}

/// Makes `span` a child of the span the headers speak of. Headers that are missing or malformed change nothing.
/// It has to come before the span is first entered, after which a parent can no longer be set.
pub fn adopt(span: &Span, headers: &TraceHeaders) {
    adopt_from(span, &HeadersIn(headers));
}

/// Adds the current trace to the metadata of an outgoing gRPC call.
pub fn inject(metadata: &mut MetadataMap) {
    for (name, value) in current() {
        if let (Ok(name), Ok(value)) = (name.parse::<AsciiMetadataKey>(), value.parse()) {
            metadata.insert(name, value);
        }
    }
}

/// Like [`adopt`], from an incoming gRPC call.
pub fn adopt_metadata(span: &Span, metadata: &MetadataMap) {
    adopt_from(span, &MetadataIn(metadata));
}

/// Like [`adopt`], from an incoming HTTP request.
pub fn adopt_http(span: &Span, headers: &HeaderMap) {
    adopt_from(span, &HttpIn(headers));
}

fn adopt_from(span: &Span, carrier: &dyn Extractor) {
    let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), carrier);
    if !parent.span().span_context().is_valid() {
        return;
    }
    if let Err(error) = span.set_parent(parent) {
        tracing::debug!(%error, "the caller's trace is not continued");
    }
}

struct HeadersOut(TraceHeaders);

impl Injector for HeadersOut {
    fn set(&mut self, key: &str, value: String) {
        self.0.insert(key.to_owned(), value);
    }
}

struct HeadersIn<'a>(&'a TraceHeaders);

impl Extractor for HeadersIn<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

struct MetadataIn<'a>(&'a MetadataMap);

impl Extractor for MetadataIn<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        let name = |key| match key {
            KeyRef::Ascii(name) => name.as_str(),
            KeyRef::Binary(name) => name.as_str(),
        };
        self.0.keys().map(name).collect()
    }
}

struct HttpIn<'a>(&'a HeaderMap);

impl Extractor for HttpIn<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(poem::http::HeaderName::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";

    /// As `telemetry` sets it up where no endpoint is configured: nothing is exported.
    fn with_tracing(test: impl FnOnce()) {
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let subscriber = tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(tracer));
        tracing::subscriber::with_default(subscriber, test);
    }

    fn trace_id_within(span: &Span) -> String {
        let traceparent = span.in_scope(|| current()["traceparent"].clone());
        assert_ne!(traceparent, PARENT, "the child has an id of its own");
        traceparent.split('-').nth(1).unwrap().to_owned()
    }

    #[test]
    fn a_span_has_a_trace_even_without_an_exporter() {
        with_tracing(|| {
            let span = tracing::info_span!("upload");
            assert_eq!(trace_id_within(&span).len(), 32);
            assert!(!span.in_scope(current).contains_key("tracestate"));
        });
    }

    #[test]
    fn outside_a_span_there_is_nothing_to_carry() {
        with_tracing(|| assert!(current().is_empty()));
    }

    #[test]
    fn message_headers_carry_the_trace_and_its_state() {
        with_tracing(|| {
            let span = tracing::info_span!("transcribe");
            let headers = [("traceparent", PARENT), ("tracestate", "vendor=1")];
            adopt(&span, &headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
            assert_eq!(trace_id_within(&span), TRACE_ID);
            assert_eq!(span.in_scope(current)["tracestate"], "vendor=1");
        });
    }

    #[test]
    fn malformed_headers_change_nothing() {
        with_tracing(|| {
            let span = tracing::info_span!("transcribe");
            adopt(&span, &TraceHeaders::from([("traceparent".to_owned(), "00-zz".to_owned())]));
            assert_eq!(trace_id_within(&span).len(), 32);
        });
    }

    #[test]
    fn grpc_metadata_carries_the_trace_both_ways() {
        with_tracing(|| {
            let caller = tracing::info_span!("call");
            let mut metadata = MetadataMap::new();
            caller.in_scope(|| inject(&mut metadata));
            let answer = tracing::info_span!("answer");
            adopt_metadata(&answer, &metadata);
            assert_eq!(trace_id_within(&answer), trace_id_within(&caller));
        });
    }

    #[test]
    fn http_headers_carry_the_trace() {
        with_tracing(|| {
            let span = tracing::info_span!("request");
            let headers = HeaderMap::from_iter([("traceparent".parse().unwrap(), PARENT.parse().unwrap())]);
            adopt_http(&span, &headers);
            assert_eq!(trace_id_within(&span), TRACE_ID);
        });
    }
}
