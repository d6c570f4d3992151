//! JSON log lines that name the trace they belong to, so that a line found in a log leads to its trace and back.

use std::fmt;

use opentelemetry::{Context, trace::TraceContextExt};
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// Adds `trace_id` and `span_id` in front of whatever JSON object the inner format writes.
pub(super) struct WithTrace<F>(pub(super) F);

impl<S, N, F> FormatEvent<S, N> for WithTrace<F>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let context = Context::current();
        let span = context.span();
        let ids = span.span_context();
        if !ids.is_valid() {
            return self.0.format_event(ctx, writer, event);
        }
        let mut line = String::new();
        self.0.format_event(ctx, Writer::new(&mut line), event)?;
        let (trace_id, span_id) = (ids.trace_id(), ids.span_id());
        let fields = line.strip_prefix('{').unwrap_or(&line);
        write!(writer, r#"{{"trace_id":"{trace_id}","span_id":"{span_id}",{fields}"#)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_within_a_span_names_its_trace() {
        let lines = Lines::default();
        let writer = lines.clone();
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let log = tracing_subscriber::fmt::layer().json().map_event_format(WithTrace);
        let subscriber = tracing_subscriber::registry()
            .with(tracing_opentelemetry::layer().with_tracer(tracer))
            .with(log.with_writer(move || writer.clone()));
        let expected = tracing::subscriber::with_default(subscriber, || {
            tracing::info!("outside");
            tracing::info_span!("render").in_scope(|| {
                tracing::info!("inside");
                crate::trace_context::current()["traceparent"].clone()
            })
        });

        let bytes = lines.0.lock().unwrap().clone();
        let objects: Vec<serde_json::Value> = bytes
            .split(|&b| b == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect();
        assert_eq!(objects[0].get("trace_id"), None);
        assert_eq!(objects[1]["fields"]["message"], "inside");
        let (trace, span) = (objects[1]["trace_id"].as_str().unwrap(), objects[1]["span_id"].as_str().unwrap());
        assert_eq!(expected, format!("00-{trace}-{span}-01"));
    }
}
