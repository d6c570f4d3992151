//! An OpenTelemetry collector: takes the spans that services send over OTLP/gRPC, and lets a test look for them.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};

use escriba_test_support::eventually;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value},
    trace::v1::{ResourceSpans, Span},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

/// A collector on a free port, until it is dropped.
#[derive(Debug)]
pub struct Collector {
    spans: Spans,
    address: std::net::SocketAddr,
    server: JoinHandle<()>,
}

/// A span that a service has sent. Ids are in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub service: String,
    pub name: String,
    pub trace: String,
    pub id: String,
    pub parent: String,
    /// Attributes that are text, as `key=value`.
    pub attributes: Vec<String>,
}

type Spans = Arc<Mutex<Vec<Sent>>>;

impl Collector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("there is a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let spans = Spans::default();
        let service = TraceServiceServer::new(Taker { spans: spans.clone() });
        let server = tokio::spawn(async move {
            let serving = Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener));
            serving.await.expect("the collector serves");
        });
        Self { spans, address, server }
    }

    /// For `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits for a span of this service, name and trace.
    pub async fn find(&self, service: &str, name: &str, trace: &str) -> Sent {
        let wanted = |span: &&Sent| span.service == service && span.name == name && span.trace == trace;
        let look = async || self.all().iter().find(wanted).cloned();
        eventually(&format!("the span {name} of {service} in trace {trace}"), look).await
    }

    /// The chain from a span up to the trace's first: itself, its parent, and so on. Waits for spans still on their way.
    pub async fn ancestry(&self, span: &Sent, first_parent: &str) -> Vec<Sent> {
        let mut chain = vec![span.clone()];
        while chain[chain.len() - 1].parent != first_parent {
            let child = chain[chain.len() - 1].clone();
            let parent = eventually(&format!("the parent of {child:?}"), async || {
                self.all().into_iter().find(|span| span.trace == child.trace && span.id == child.parent)
            })
            .await;
            chain.push(parent);
        }
        chain
    }

    fn all(&self) -> Vec<Sent> {
        self.spans.lock().expect("no test thread died with it").clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

struct Taker {
    spans: Spans,
}

#[tonic::async_trait]
impl TraceService for Taker {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let taken = request.into_inner().resource_spans.into_iter().flat_map(sent);
        self.spans.lock().expect("no test thread died with it").extend(taken);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn sent(batch: ResourceSpans) -> Vec<Sent> {
    let resource = batch.resource.unwrap_or_default();
    let service = text(&resource.attributes, "service.name").unwrap_or_default();
    let spans = batch.scope_spans.into_iter().flat_map(|scope| scope.spans);
    spans.map(|span| of_span(&service, &span)).collect()
}

fn of_span(service: &str, span: &Span) -> Sent {
    let attribute = |attribute: &KeyValue| {
        let value = text(std::slice::from_ref(attribute), &attribute.key)?;
        Some(format!("{}={value}", attribute.key))
    };
    Sent {
        service: service.to_owned(),
        name: span.name.clone(),
        trace: hex::encode(&span.trace_id),
        id: hex::encode(&span.span_id),
        parent: hex::encode(&span.parent_span_id),
        attributes: span.attributes.iter().filter_map(attribute).collect(),
    }
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}
