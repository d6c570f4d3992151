//! The gateways that take reports. Any of them will do, so a stream is opened with the next one that answers, and one
//! that failed is left alone for a while. What is said on a stream is not decided here.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use escriba_proto::v1::{Directive, Report, directive, transcription_reports_client::TranscriptionReportsClient};
use escriba_runtime::trace_context;
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Code, Request, Status, Streaming,
    transport::{Channel, Endpoint},
};

const REPORTS_AHEAD: usize = 8;
/// A gateway that took the connection and then says nothing for so long is given up.
const OPEN_PATIENCE: Duration = Duration::from_secs(5);
/// One that failed is asked after the others for so long.
const AVOIDED: Duration = Duration::from_secs(30);
/// How often an open connection is asked whether anybody is there, and how long the answer may take: together far less
/// than a lease.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Any number of attempts share their connections.
#[derive(Debug, Clone)]
pub(super) struct Gateways(Arc<All>);

#[derive(Debug)]
struct All {
    gateways: Vec<Gateway>,
    /// Whose turn it is.
    turn: AtomicUsize,
}

#[derive(Debug)]
struct Gateway {
    url: String,
    client: TranscriptionReportsClient<Channel>,
    failed_at: Mutex<Option<Instant>>,
}

/// A report stream and the gateway that took it.
pub(super) struct Stream {
    gateway: usize,
    pub(super) sender: mpsc::Sender<Report>,
    pub(super) directives: Streaming<Directive>,
}

/// A stream and the answer to its first report.
pub(super) type Opened = (Box<Stream>, directive::Body);

impl Gateways {
    pub(super) fn connect_lazily(urls: &[String]) -> anyhow::Result<Self> {
        anyhow::ensure!(!urls.is_empty(), "REPORTS_URL names no gateway");
        let gateways =
            urls.iter().map(|url| Gateway::connect_lazily(url.trim())).collect::<anyhow::Result<Vec<_>>>()?;
        // Workers that start together begin with different ones.
        Ok(Self(Arc::new(All { gateways, turn: AtomicUsize::new(rand::random::<u16>().into()) })))
    }

    /// Asks one gateway after the other, each for [`OPEN_PATIENCE`] at most. `Err` is the last one's, or the first one
    /// that asking elsewhere would not change.
    pub(super) async fn open(&self, first: Report) -> Result<Opened, Status> {
        let mut refusal = Status::unavailable("there is no gateway");
        for nth in self.order() {
            let gateway = &self.0.gateways[nth];
            let opened = timeout(OPEN_PATIENCE, gateway.open(first.clone())).await;
            match opened.unwrap_or_else(|_| Err(Status::deadline_exceeded("the gateway does not answer"))) {
                Ok((sender, directives, answer)) => {
                    gateway.note(None);
                    return Ok((Box::new(Stream { gateway: nth, sender, directives }), answer));
                }
                Err(status) if may_pass(&status) => {
                    tracing::warn!(gateway = gateway.url, reason = status.message(), "a gateway takes no reports");
                    gateway.note(Some(Instant::now()));
                    refusal = status;
                }
                Err(status) => return Err(status),
            }
        }
        Err(refusal)
    }

    /// The stream broke, so others are asked first.
    pub(super) fn avoid(&self, broken: &Stream) {
        self.0.gateways[broken.gateway].note(Some(Instant::now()));
    }

    /// In turn; those that failed lately come last, the one that has had most time to recover first.
    fn order(&self) -> Vec<usize> {
        let count = self.0.gateways.len();
        let first = self.0.turn.fetch_add(1, Ordering::Relaxed);
        let mut order: Vec<_> = (0..count).map(|step| (first % count + step) % count).collect();
        order.sort_by_key(|nth| self.0.gateways[*nth].failed_lately());
        order
    }
}

impl Gateway {
    fn connect_lazily(url: &str) -> anyhow::Result<Self> {
        let channel = Endpoint::from_shared(url.to_owned())
            .map_err(|error| anyhow::anyhow!("REPORTS_URL is not usable: {error}"))?
            .connect_timeout(Duration::from_secs(3))
            // A gateway that vanished without a word is noticed.
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .keep_alive_while_idle(true)
            .connect_lazy();
        let client = TranscriptionReportsClient::new(channel);
        Ok(Self { url: url.to_owned(), client, failed_at: Mutex::default() })
    }

    async fn open(
        &self,
        first: Report,
    ) -> Result<(mpsc::Sender<Report>, Streaming<Directive>, directive::Body), Status> {
        let (sender, receiver) = mpsc::channel(REPORTS_AHEAD);
        sender.send(first).await.map_err(|_| Status::internal("the report channel closed"))?;
        let mut request = Request::new(ReceiverStream::new(receiver));
        trace_context::inject(request.metadata_mut());
        let mut directives = self.client.clone().report(request).await?.into_inner();
        let answer = directives.message().await?.and_then(|directive| directive.body);
        let answer = answer.ok_or_else(|| Status::unavailable("the gateway closed the stream"))?;
        Ok((sender, directives, answer))
    }

    fn note(&self, failed_at: Option<Instant>) {
        *self.failed_at.lock().unwrap_or_else(PoisonError::into_inner) = failed_at;
    }

    fn failed_lately(&self) -> Option<Instant> {
        let failed_at = *self.failed_at.lock().unwrap_or_else(PoisonError::into_inner);
        failed_at.filter(|at| at.elapsed() < AVOIDED)
    }
}

/// Whether the same request may succeed later, or elsewhere.
pub(super) fn may_pass(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown)
}
