//! A transcriber's side of the report protocol, one report at a time.

use escriba_domain::{ChunkId, Segment};
use escriba_events::{WorkItem, segment_to_proto};
use escriba_proto::v1::{
    ChunkDone, ChunkFailed, ChunkReleased, Claim, Directive, PartPlanned, Plan, Proceed, Progress, Report, Segments,
    Statistics, Warning, directive::Body as Answer, refused::Reason, report::Body,
    transcription_reports_client::TranscriptionReportsClient,
};
use escriba_test_support::PATIENCE;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::stack::Gateway;

/// A report stream that has claimed a chunk.
pub(crate) struct Worker {
    reports: mpsc::Sender<Report>,
    directives: Streaming<Directive>,
    pub(crate) proceed: Proceed,
}

/// A report stream on which nothing was said yet.
pub(crate) struct ReportStream {
    pub(crate) reports: mpsc::Sender<Report>,
    pub(crate) directives: Streaming<Directive>,
}

impl ReportStream {
    pub(crate) async fn open(gateway: &Gateway) -> Self {
        let mut client = TranscriptionReportsClient::connect(gateway.grpc_url()).await.unwrap();
        let (reports, receiver) = mpsc::channel(8);
        let directives = client.report(ReceiverStream::new(receiver)).await.unwrap().into_inner();
        Self { reports, directives }
    }

    pub(crate) async fn say(&mut self, report: Report) -> Result<Option<Directive>, Status> {
        self.reports.send(report).await.unwrap();
        tokio::time::timeout(PATIENCE, self.directives.message()).await.expect("the gateway answers")
    }
}

impl Worker {
    /// Claims the chunk of a work item, which must be granted.
    pub(crate) async fn claim(gateway: &Gateway, item: &WorkItem) -> Self {
        Self::resume(gateway, item, 0).await
    }

    /// Claims it as a worker that lost its stream, but perhaps not its lease.
    pub(crate) async fn resume(gateway: &Gateway, item: &WorkItem, lease: u64) -> Self {
        let mut stream = ReportStream::open(gateway).await;
        let Answer::Proceed(proceed) = body(stream.say(claim(item, lease)).await) else {
            panic!("the claim was not granted");
        };
        Self { reports: stream.reports, directives: stream.directives, proceed }
    }

    /// Sends a report under the lease, without waiting for an answer.
    pub(crate) async fn report(&self, body: Body) {
        self.reports.send(Report { body: Some(body), lease: self.proceed.lease }).await.unwrap();
    }

    /// What the gateway says next.
    pub(crate) async fn hear(&mut self) -> Answer {
        body(tokio::time::timeout(PATIENCE, self.directives.message()).await.expect("the gateway answers"))
    }

    pub(crate) async fn ask(&mut self, body: Body) -> Answer {
        self.report(body).await;
        self.hear().await
    }

    /// Sends a report that must be taken.
    pub(crate) async fn commit(&mut self, body: Body) {
        let answer = self.ask(body).await;
        assert!(matches!(answer, Answer::Committed(_)), "{answer:?}");
    }

    /// The stream ends without a word, as when the worker is killed.
    pub(crate) fn die(self) {
        drop(self);
    }

    /// The status with which the gateway broke off the stream.
    pub(crate) async fn end(&mut self) -> Status {
        let next = tokio::time::timeout(PATIENCE, self.directives.message()).await.expect("the stream ends");
        next.expect_err("it is broken off")
    }

    /// Whether the gateway has ended the stream.
    pub(crate) async fn is_ended(&mut self) -> bool {
        let next =
            tokio::time::timeout(PATIENCE, self.directives.message()).await.expect("the gateway ends the stream");
        next.unwrap().is_none()
    }
}

/// Claims, and says why it was refused.
pub(crate) async fn refusal(gateway: &Gateway, item: &WorkItem, lease: u64) -> Reason {
    let mut stream = ReportStream::open(gateway).await;
    match body(stream.say(claim(item, lease)).await) {
        Answer::Refused(refused) => refused.reason(),
        granted => panic!("the claim was not refused but {granted:?}"),
    }
}

fn body(answer: Result<Option<Directive>, Status>) -> Answer {
    answer.unwrap().expect("the stream goes on").body.expect("a directive has a body")
}

pub(crate) fn claim(item: &WorkItem, lease: u64) -> Report {
    let claim = Claim {
        job_id: item.job_id.to_string(),
        chunk_id: item.chunk_id.to_string(),
        worker_id: "worker-1".to_owned(),
        version: "0.1.0".to_owned(),
        lane: escriba_events::lane_to_proto(item.lane).into(),
        model: item.model.to_string(),
    };
    Report { body: Some(Body::Claim(claim)), lease }
}

pub(crate) fn plan(audio_ms: u64) -> Body {
    Body::Plan(Plan { audio_ms, in_parts: false })
}

pub(crate) fn progress(processed_ms: u64, audio_ms: u64) -> Body {
    Body::Progress(Progress { processed_ms, audio_ms })
}

pub(crate) fn segments(finished: &[Segment], through_ms: u64) -> Body {
    counted_segments(finished, through_ms, None)
}

pub(crate) fn counted_segments(finished: &[Segment], through_ms: u64, statistics: Option<Statistics>) -> Body {
    Body::Segments(Segments {
        segments: finished.iter().map(segment_to_proto).collect(),
        through_ms,
        language: "en".to_owned(),
        statistics,
    })
}

pub(crate) fn done(audio_ms: u64) -> Body {
    let warning = Warning { code: "media_truncated".to_owned(), message: "The recording breaks off.".to_owned() };
    Body::Done(ChunkDone { audio_ms, processing_ms: 1_500, language: "en".to_owned(), warnings: vec![warning] })
}

pub(crate) fn failed(code: &str, retryable: bool) -> Body {
    Body::Failed(ChunkFailed {
        code: code.to_owned(),
        message: "A sentence for a person.".to_owned(),
        retryable,
        processing_ms: 20,
    })
}

/// The nth part, ten seconds each.
pub(crate) fn part(id: ChunkId, position: u32) -> Body {
    let start_ms = u64::from(position - 1) * 10_000;
    Body::PartPlanned(PartPlanned {
        chunk_id: id.to_string(),
        position,
        start_ms,
        end_ms: start_ms + 10_000,
        work_ms: 8_000,
        language: "en".to_owned(),
    })
}

pub(crate) fn released() -> Body {
    Body::Released(ChunkReleased { processing_ms: 10 })
}
