//! The report stream to a gateway, and what happens when it breaks: reports that were not committed are kept and sent
//! again on a new stream, under the same claim.

use std::{collections::VecDeque, time::Duration};

use escriba_proto::v1::{
    Claim, Directive, Proceed, Report, directive, refused::Reason, report,
    transcription_reports_client::TranscriptionReportsClient,
};
use escriba_runtime::trace_context;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Code, Request, Status, Streaming,
    transport::{Channel, Endpoint},
};

const REPORTS_AHEAD: usize = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Any number of attempts share its connection.
#[derive(Debug, Clone)]
pub(crate) struct Reports {
    client: TranscriptionReportsClient<Channel>,
}

/// What the answer to a claim was.
pub(crate) enum Claimed {
    Granted(Box<(Attempt, Proceed)>),
    Refused(Reason),
}

/// What a gateway says of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// The oldest uncommitted report is in the database.
    Committed,
    /// Stop: the job was canceled.
    Cancel,
    /// Stop: the chunk is another's, or over.
    Superseded,
}

/// One worker's attempt at one chunk.
pub(crate) struct Attempt {
    reports: Reports,
    claim: Claim,
    lease: u64,
    stream: Stream,
    uncommitted: VecDeque<report::Body>,
}

struct Stream {
    sender: mpsc::Sender<Report>,
    directives: Streaming<Directive>,
}

impl Reports {
    pub(crate) fn connect_lazily(url: &str) -> anyhow::Result<Self> {
        let channel = Endpoint::from_shared(url.to_owned())
            .map_err(|error| anyhow::anyhow!("REPORTS_URL is not usable: {error}"))?
            .connect_timeout(Duration::from_secs(3))
            // A gateway that vanished without a word is noticed.
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(10))
            .keep_alive_while_idle(true)
            .connect_lazy();
        Ok(Self { client: TranscriptionReportsClient::new(channel) })
    }

    pub(crate) async fn claim(&self, claim: Claim) -> Result<Claimed, Status> {
        let (stream, answer) = self.open(&claim, 0).await?;
        match answer {
            directive::Body::Proceed(proceed) => {
                let attempt = Attempt {
                    reports: self.clone(),
                    claim,
                    lease: proceed.lease,
                    stream,
                    uncommitted: VecDeque::new(),
                };
                Ok(Claimed::Granted(Box::new((attempt, proceed))))
            }
            directive::Body::Refused(refused) => Ok(Claimed::Refused(refused.reason())),
            _ => Err(Status::internal("a claim was answered with something else")),
        }
    }

    async fn open(&self, claim: &Claim, lease: u64) -> Result<(Stream, directive::Body), Status> {
        let (sender, receiver) = mpsc::channel(REPORTS_AHEAD);
        let first = Report { lease, body: Some(report::Body::Claim(claim.clone())) };
        sender.send(first).await.map_err(|_| Status::internal("the report channel closed"))?;
        let mut request = Request::new(ReceiverStream::new(receiver));
        trace_context::inject(request.metadata_mut());
        let mut directives = self.client.clone().report(request).await?.into_inner();
        let answer = directives.message().await?.and_then(|directive| directive.body);
        let answer = answer.ok_or_else(|| Status::unavailable("the gateway closed the stream"))?;
        Ok((Stream { sender, directives }, answer))
    }
}

impl Attempt {
    /// Reports that are not known to be committed.
    pub(crate) fn uncommitted(&self) -> usize {
        self.uncommitted.len()
    }

    /// Sends a report that is kept until it is committed.
    pub(crate) async fn commit(&mut self, body: report::Body) {
        self.uncommitted.push_back(body.clone());
        self.send(body).await;
    }

    /// Sends a report that is worth nothing later: a gateway that does not keep up misses it.
    pub(crate) fn tell(&self, body: report::Body) {
        self.stream.sender.try_send(Report { lease: self.lease, body: Some(body) }).ok();
    }

    async fn send(&self, body: report::Body) {
        // A broken stream shows in the directives, where it is mended.
        self.stream.sender.send(Report { lease: self.lease, body: Some(body) }).await.ok();
    }

    /// The next word from the gateway. `Err` when the stream broke; [`Self::reconnect`] mends it. Safe to abandon.
    pub(crate) async fn next_word(&mut self) -> Result<Word, Status> {
        let directive = self.stream.directives.message().await?;
        match directive.and_then(|directive| directive.body) {
            Some(directive::Body::Committed(_)) => {
                self.uncommitted.pop_front();
                Ok(Word::Committed)
            }
            Some(directive::Body::Cancel(_)) => Ok(Word::Cancel),
            Some(directive::Body::Superseded(_) | directive::Body::Refused(_)) => Ok(Word::Superseded),
            Some(directive::Body::Proceed(_)) => Err(Status::internal("a second Proceed")),
            None => Err(Status::unavailable("the gateway closed the stream")),
        }
    }

    /// Opens a new stream under the same claim and sends again what is uncommitted. Tries until a gateway answers;
    /// the answer is whether the chunk is still this worker's. `Err` is a refusal that trying again would not change.
    pub(crate) async fn reconnect(&mut self) -> Result<bool, Status> {
        let mut pause = FIRST_PAUSE;
        let (stream, answer) = loop {
            match self.reports.open(&self.claim, self.lease).await {
                Ok(opened) => break opened,
                Err(status) if may_pass(&status) => {
                    tracing::warn!(reason = status.message(), "the gateway is away; what is finished is kept for it");
                    tokio::time::sleep(pause).await;
                    pause = LONGEST_PAUSE.min(pause * 2);
                }
                Err(status) => return Err(status),
            }
        };
        let directive::Body::Proceed(proceed) = answer else {
            return Ok(false);
        };
        self.stream = stream;
        self.lease = proceed.lease;
        self.forget_committed(&proceed);
        for body in self.uncommitted.clone() {
            self.send(body).await;
        }
        Ok(true)
    }

    /// A report may have been committed although its answer was lost.
    fn forget_committed(&mut self, proceed: &Proceed) {
        self.uncommitted.retain(|body| match body {
            report::Body::Segments(segments) => segments.through_ms > proceed.resume_ms,
            _ => true,
        });
    }
}

/// Whether the same request may succeed later.
pub(crate) fn may_pass(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown)
}
