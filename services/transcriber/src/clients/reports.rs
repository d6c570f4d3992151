//! The report stream to a gateway, and what happens when it breaks: reports that were not committed are kept and sent
//! again on a new stream, with whichever gateway answers, under the same claim. Nothing here waits for a gateway but
//! [`Attempt::next_word`], so recognition goes on meanwhile.

mod gateways;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, pin::Pin, time::Duration};

use escriba_proto::v1::{Claim, Proceed, Report, directive, proceed::Source, refused::Reason, report};
use tokio::time::{Instant, sleep, sleep_until};
use tonic::Status;

use gateways::{Gateways, Opened, Stream, may_pass};

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A gateway that leaves a report unanswered for so long is given up, and another is tried.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same for a worker that is about to stop.
const LAST_PATIENCE: Duration = Duration::from_secs(2);

/// Where work is claimed. Cloning shares the connections.
#[derive(Debug, Clone)]
pub(crate) struct Reports {
    gateways: Gateways,
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
    gateways: Gateways,
    claim: Claim,
    lease: u64,
    link: Link,
    /// The oldest first.
    uncommitted: VecDeque<report::Body>,
    /// How many of these went out on the present stream.
    sent: usize,
    /// When a gateway last said something, or had nothing to answer.
    heard_at: Instant,
    patience: Duration,
}

enum Link {
    Open(Box<Stream>),
    /// The new stream that is being opened.
    Broken(Pin<Box<dyn Future<Output = Result<Opened, Status>> + Send>>),
}

impl Reports {
    /// Knows these gateways, of which each is as good as the other.
    pub(crate) fn connect_lazily(urls: &[String]) -> anyhow::Result<Self> {
        Ok(Self { gateways: Gateways::connect_lazily(urls)? })
    }

    pub(crate) async fn claim(&self, claim: Claim) -> Result<Claimed, Status> {
        let (stream, answer) = self.gateways.open(claim_report(&claim, 0)).await?;
        match answer {
            directive::Body::Proceed(proceed) => {
                // What was rung for is not always what is given out.
                let claim = Claim { job_id: proceed.job_id.clone(), chunk_id: proceed.chunk_id.clone(), ..claim };
                let attempt = Attempt {
                    gateways: self.gateways.clone(),
                    claim,
                    lease: proceed.lease,
                    link: Link::Open(stream),
                    uncommitted: VecDeque::new(),
                    sent: 0,
                    heard_at: Instant::now(),
                    patience: PATIENCE,
                };
                Ok(Claimed::Granted(Box::new((attempt, proceed))))
            }
            directive::Body::Refused(refused) => Ok(Claimed::Refused(refused.reason())),
            _ => Err(Status::internal("a claim was answered with something else")),
        }
    }
}

impl Attempt {
    /// Reports that are not known to be committed.
    pub(crate) fn uncommitted(&self) -> usize {
        self.uncommitted.len()
    }

    /// Takes a report that is kept until it is committed. It goes out while [`Self::next_word`] is waited for.
    pub(crate) fn commit(&mut self, body: report::Body) {
        if self.uncommitted.is_empty() {
            self.heard_at = Instant::now();
        }
        self.uncommitted.push_back(body);
    }

    /// Sends a report that is worth nothing later: a gateway that does not keep up misses it.
    pub(crate) fn tell(&self, body: report::Body) {
        if let Link::Open(stream) = &self.link {
            stream.sender.try_send(Report { lease: self.lease, body: Some(body) }).ok();
        }
    }

    /// From now on a silent gateway is soon given up.
    pub(crate) fn hurry(&mut self) {
        self.patience = LAST_PATIENCE;
    }

    /// The next word of a gateway, over as many streams as that takes. After `Err`, which is a refusal that trying
    /// again would not change, and after every word but [`Word::Committed`] the attempt is over. Safe to abandon.
    pub(crate) async fn next_word(&mut self) -> Result<Word, Status> {
        loop {
            match &mut self.link {
                Link::Open(stream) => {
                    let next = self.uncommitted.get(self.sent).filter(|_| !stream.sender.is_closed());
                    let heard = tokio::select! {
                        biased;
                        heard = stream.directives.message() => heard,
                        Ok(room) = stream.sender.reserve(), if next.is_some() => {
                            room.send(Report { lease: self.lease, body: next.cloned() });
                            self.sent += 1;
                            continue;
                        }
                        () = sleep_until(self.heard_at + self.patience), if !self.uncommitted.is_empty() => {
                            Err(Status::deadline_exceeded("the gateway answers no report"))
                        }
                    };
                    self.heard_at = Instant::now();
                    match heard.map(|directive| directive.and_then(|directive| directive.body)) {
                        Ok(Some(directive::Body::Committed(_))) => {
                            self.uncommitted.pop_front();
                            self.sent = self.sent.saturating_sub(1);
                            return Ok(Word::Committed);
                        }
                        Ok(Some(directive::Body::Cancel(_))) => return Ok(Word::Cancel),
                        Ok(Some(directive::Body::Superseded(_) | directive::Body::Refused(_))) => {
                            return Ok(Word::Superseded);
                        }
                        Ok(Some(directive::Body::Proceed(_))) => return Err(Status::internal("a second Proceed")),
                        Ok(None) => self.mend(&Status::unavailable("the gateway closed the stream")),
                        Err(status) if may_pass(&status) => self.mend(&status),
                        Err(status) => return Err(status),
                    }
                }
                Link::Broken(opening) => match opening.await? {
                    (stream, directive::Body::Proceed(proceed)) => self.go_on(stream, &proceed),
                    _ => return Ok(Word::Superseded),
                },
            }
        }
    }

    /// Begins to open a new stream under the same claim.
    fn mend(&mut self, status: &Status) {
        tracing::warn!(reason = status.message(), "a report stream broke; what is finished is kept for the next");
        if let Link::Open(stream) = &self.link {
            self.gateways.avoid(stream);
        }
        let opening = open_patiently(self.gateways.clone(), claim_report(&self.claim, self.lease));
        self.link = Link::Broken(Box::pin(opening));
    }

    /// Everything that is uncommitted goes out again, but for what was committed although its answer was lost.
    fn go_on(&mut self, stream: Box<Stream>, proceed: &Proceed) {
        self.link = Link::Open(stream);
        self.lease = proceed.lease;
        self.heard_at = Instant::now();
        self.sent = 0;
        self.uncommitted.retain(|body| match body {
            report::Body::Segments(segments) => segments.through_ms > proceed.resume_ms,
            report::Body::PartPlanned(part) => match &proceed.source {
                Some(Source::Recording(recording)) => part.position > recording.planned_parts,
                _ => false,
            },
            _ => true,
        });
    }
}

/// Tries until a gateway answers.
async fn open_patiently(gateways: Gateways, first: Report) -> Result<Opened, Status> {
    let mut pause = FIRST_PAUSE;
    loop {
        match gateways.open(first.clone()).await {
            Err(status) if may_pass(&status) => {
                sleep(pause).await;
                pause = LONGEST_PAUSE.min(pause * 2);
            }
            opened => return opened,
        }
    }
}

fn claim_report(claim: &Claim, lease: u64) -> Report {
    Report { lease, body: Some(report::Body::Claim(claim.clone())) }
}
